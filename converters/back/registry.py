"""What every layer of Caffe computes, by its type: one description for all programs that a net is written for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from converters.back.emitter import Emitter
from converters.back.source_layer import SourceLayer
from converters.errors import ConversionError
from prototxt.common.registry import Registry

Description = Callable[[SourceLayer, Emitter[Any], Sequence[Any]], Sequence[Any]]
"""(layer, where it is written to, values of its bottoms) → values of its tops."""

DESCRIPTIONS: Registry[Description] = Registry("layer type", ConversionError)
"""Filled by the modules of `converters.back.layers` when they are imported."""


def describes(*types: str) -> Callable[[Description], Description]:
    """Register the decorated function as the description of layer types: ``@describes("Pooling")``."""
    return DESCRIPTIONS.register(*types)
