"""Layers of forks of Caffe in binary files: their settings stand under other numbers in every fork.

A number of one fork is another layer's in the next, and some are stock Caffe's own for yet other layers; but every
layer says its type, and that tells which of the forks' numbers may be its settings.
"""

from __future__ import annotations

from prototxt.formats import wire
from prototxt.formats.schema import LayerParameter

FORK_NUMBERS: dict[str, tuple[str, frozenset[int]]] = {
    "DetectionOutput": ("detection_output_param", frozenset({147, 204})),
    "Interp": ("interp_param", frozenset({205, 2210})),
    "Normalize": ("norm_param", frozenset({149, 206})),
    "Permute": ("permute_param", frozenset({148, 202})),
    "PriorBox": ("prior_box_param", frozenset({150, 203})),
    "ShuffleChannel": ("shuffle_channel_param", frozenset({145})),
}
"""The settings of a layer type, and the numbers under which OpenCV, SSD's fork, ncnn and MNN have them."""

_TYPE = LayerParameter.TYPE_FIELD_NUMBER


def with_our_numbers(layer: bytes) -> bytes:
    """Give a layer's bytes with the settings of an extension under this project's number; others as they are."""
    view = memoryview(layer)
    fields = list(wire.fields(view, 0, len(layer)))
    type_name = next((bytes(view[f.start : f.stop]).decode("latin-1") for f in fields if f.number == _TYPE), "")
    if type_name not in FORK_NUMBERS:
        return layer
    name, numbers = FORK_NUMBERS[type_name]
    own = LayerParameter.DESCRIPTOR.fields_by_name[name].number
    return b"".join(
        wire.delimited(own, bytes(view[field.start : field.stop]))
        if field.number in numbers and field.kind == wire.LEN
        else bytes(view[field.tag : field.stop])
        for field in fields
    )
