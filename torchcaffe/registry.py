"""Layer classes by the type string that Caffe gives them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from prototxt.common.errors import NetError

if TYPE_CHECKING:
    from torchcaffe.layer import Layer

LayerClass = TypeVar("LayerClass", bound="type[Layer]")

LAYERS: dict[str, type[Layer]] = {}
"""Filled by the modules of `torchcaffe.layers` and `torchcaffe.data` when they are imported."""


def layer(type_name: str) -> Callable[[LayerClass], LayerClass]:
    """Register a class as the layer of a type: ``@layer("Pooling")``.

    Raises
    ------
    ValueError : if the type is registered already.
    """

    def register(layer_class: LayerClass) -> LayerClass:
        if type_name in LAYERS:
            raise ValueError(f"layer type {type_name!r} is registered twice: {LAYERS[type_name]} and {layer_class}")
        LAYERS[type_name] = layer_class
        return layer_class

    return register


def find_class(type_name: str, layer_name: str) -> type[Layer]:
    """The class of a layer type; ``layer_name`` is for the error.

    Raises
    ------
    NetError : if there is no such layer; the sentence lists those that there are.
    """
    if type_name in LAYERS:
        return LAYERS[type_name]
    known = ", ".join(sorted(LAYERS, key=str.lower))
    raise NetError(f"layer {layer_name!r}: type {type_name!r} is no layer of Caffe; use one of {known}")
