"""The neutral graph as Caffe's messages; the only file here that makes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from converters.layer_spec import LayerSpec
from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.formats.weights import Weights
from prototxt.net.build import input_layer, layer, net


def to_net(name: str, inputs: Mapping[str, Sequence[int]], layers: Iterable[LayerSpec]) -> NetParameter:
    """Make the net: an Input layer for each of ``inputs`` (shapes by name), then ``layers``, without weights."""
    return net(name, [*(input_layer(*each) for each in inputs.items()), *map(_to_layer, layers)])


WITHOUT_BACKWARD = ("ArgMax", "Embed", "Threshold")
"""Layers whose backward pass ends stock Caffe: training must not ask for it."""


def to_weights(layers: Iterable[LayerSpec]) -> Weights:
    """The float32 blobs of every layer that has any."""
    return {spec.name: list(spec.blobs) for spec in layers if spec.blobs}


def _to_layer(spec: LayerSpec) -> LayerParameter:
    param = _param(spec)
    fields = {message: _listed(message, values) for message, values in spec.fields.items()}
    more: dict[str, Any] = {"param": param} if param else {}
    if not spec.propagates or spec.type in WITHOUT_BACKWARD:
        more["propagate_down"] = [False] * len(spec.bottoms)
    return layer(spec.type, spec.name, spec.bottoms, spec.tops, **fields, **more)


def _listed(message: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, with single ones of repeated fields as lists: kernel_size is repeated in Convolution alone."""
    message_type = LayerParameter.DESCRIPTOR.fields_by_name[message].message_type
    assert message_type is not None
    fields = message_type.fields_by_name
    return {
        name: [value] if fields[name].is_repeated and not isinstance(value, list) else value
        for name, value in values.items()
    }


def _param(spec: LayerSpec) -> list[dict[str, Any]]:
    """One entry for every blob where any of them is shared or must not be learned, else nothing."""
    none = [""] * len(spec.blobs)
    entries = [
        {**({"name": name} if name else {}), **({"lr_mult": 0.0, "decay_mult": 0.0} if frozen else {})}
        for name, frozen in zip(spec.shares or none, spec.frozen or none, strict=True)
    ]
    return entries if any(entries) else []
