"""Rows of a table by their numbers."""

from __future__ import annotations

from converters.call import Call
from converters.registry import converts


@converts("aten.embedding.default")
def convert_embedding(call: Call) -> str:
    """Embed; the row that PyTorch keeps for padding is one like the others."""
    weight = call.constant("weight")
    assert weight is not None
    rows, columns = weight.shape
    param = {"input_dim": rows, "num_output": columns, "bias_term": False, "weight_filler": {"type": "xavier"}}
    return call.layer("Embed", call.blob("indices"), blobs=[weight], embed_param=param)
