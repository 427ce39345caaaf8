"""Dropout: nothing when the net is used, alive when it is trained."""

from __future__ import annotations

from converters.call import Call, Result
from converters.registry import converts


@converts("converters.dropout.default")
def convert_dropout(call: Call) -> Result:
    """Dropout; Caffe too scales by 1 / (1 - ratio) while training and does nothing in the phase TEST."""
    if not call["p"]:
        return call.blob("input")
    return call.layer("Dropout", call.blob("input"), dropout_param={"dropout_ratio": float(call["p"])})
