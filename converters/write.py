"""The neutral graph as Caffe's messages; the only file here that makes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from converters.layer_spec import LayerSpec
from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.formats.weights import Weights
from prototxt.net.build import input_layer, layer, net


def to_net(name: str, input_name: str, input_shape: Sequence[int], layers: Iterable[LayerSpec]) -> NetParameter:
    """Make the net: an Input layer of ``input_shape`` (batch first), then ``layers`` in order, without weights."""
    return net(name, [input_layer(input_name, input_shape), *map(_to_layer, layers)])


def to_weights(layers: Iterable[LayerSpec]) -> Weights:
    """The float32 blobs of every layer that has any."""
    return {spec.name: list(spec.blobs) for spec in layers if spec.blobs}


def _to_layer(spec: LayerSpec) -> LayerParameter:
    param = _param(spec)
    fields = {message: _listed(message, values) for message, values in spec.fields.items()}
    return layer(spec.type, spec.name, spec.bottoms, spec.tops, **fields, **({"param": param} if param else {}))


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
    """One entry for every blob that is shared or must not be learned, else nothing."""
    if spec.frozen:
        return [{"lr_mult": 0.0, "decay_mult": 0.0} for _ in spec.blobs]
    return [{"name": name} for name in spec.shares]
