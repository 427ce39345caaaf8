"""Layer classes by the type string that Caffe gives them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from prototxt.common.errors import NetError
from prototxt.common.registry import Registry

if TYPE_CHECKING:
    from torchcaffe.layer import Layer

LayerClass = TypeVar("LayerClass", bound="type[Layer]")

LAYERS: Registry[type[Layer]] = Registry("layer type", NetError)
"""Filled by the modules of `torchcaffe.layers` and `torchcaffe.data` when they are imported."""


def layer(type_name: str) -> Callable[[LayerClass], LayerClass]:
    """Register the decorated class as the layer of a type: ``@layer("Pooling")``."""
    return LAYERS.register(type_name)
