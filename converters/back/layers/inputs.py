"""Layers without bottoms that bring constants; those that bring data are inputs of what is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from converters.back.emitter import Emitter
from converters.back.registry import describes
from converters.back.source_layer import SourceLayer


@describes("DummyData")
def dummy_data(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """Constants; random fillers have been made inputs before."""
    fillers = list(layer.param.dummy_data_param.data_filler)
    values = [filler.value for filler in fillers] or [0.0]
    values = values * len(layer.top_shapes) if len(values) == 1 else values
    return [
        emit.parameter(f"top{place}", np.full(shape, value, np.float32))
        for place, (shape, value) in enumerate(zip(layer.top_shapes, values, strict=True))
    ]
