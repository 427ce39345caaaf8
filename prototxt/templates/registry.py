"""Which function makes which reference net."""

from __future__ import annotations

from collections.abc import Callable

from prototxt.common.errors import NetError
from prototxt.common.registry import Registry
from prototxt.formats.schema import NetParameter

Template = Callable[[], NetParameter]

TEMPLATES: Registry[Template] = Registry("template", NetError)


def template(name: str) -> Callable[[Template], Template]:
    """Register the decorated function as the maker of the net ``name``."""
    return TEMPLATES.register(name)
