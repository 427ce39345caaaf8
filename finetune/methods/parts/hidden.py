"""A hidden layer of the new task's own between blobs of the frozen net and its head."""

from __future__ import annotations

from collections.abc import Sequence

from entropy.surgery.extended import Additions, Extended, OldNet, extend
from entropy.surgery.heads import place_wide_head
from finetune.methods.parts.start import task_head
from finetune.training.prepared import Setting
from prototxt.net.build import layer


def with_hidden(setting: Setting, old: OldNet, reads: Sequence[str], units: int, head_reads: Sequence[str]) -> Extended:
    """Put an InnerProduct and a ReLU between blobs and the head.

    Parameters
    ----------
    reads : blobs of the old net that the hidden layer reads, flattened and concatenated.
    units : of the hidden layer.
    head_reads : blobs of the old net that the head reads beside the hidden layer; none for the hidden layer alone.
    """
    name = f"{setting.head}_hidden"
    flat = [f"{name}_{blob}" for blob in reads]
    param = {"num_output": units, "weight_filler": {"type": "xavier"}}
    layers = [
        *(layer("Flatten", top, blob) for top, blob in zip(flat, reads, strict=True)),
        layer("Concat", f"{name}_in", flat),
        layer("InnerProduct", name, f"{name}_in", inner_product_param=param),
        layer("ReLU", f"{name}_relu", name, name),
    ]
    added = Additions(layers)
    output = place_wide_head(old, added, task_head(setting), [*head_reads, name])
    return extend(old, added, output, setting.seed)
