"""Which class runs nets in which program."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from converters.engines.engine import Engine
from converters.errors import ConversionError
from prototxt.common.registry import Registry

EngineClass = TypeVar("EngineClass", bound=type[Engine])

ENGINES: Registry[Engine] = Registry("engine", ConversionError)


def engine(name: str) -> Callable[[EngineClass], EngineClass]:
    """Register the decorated class: its only object is the engine ``name``."""
    return ENGINES.register(name, make=lambda engine_class: engine_class())
