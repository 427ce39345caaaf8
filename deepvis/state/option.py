"""What the window makes of a field of its state is written beside the field; this reads it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

Group = Literal["colours", "contrast", "brightness", "order", "frames", "blobs"]


@dataclass(frozen=True)
class Option:
    """Stands in the ``Annotated`` type of a field, beside what pydantic checks; without one, all is as by default.

    Parameters
    ----------
    choices : what keys and lists go through; where there are none, those of a ``Literal`` or ``bool``.
    group : fields that are followed together: what follows the group is made anew when one of them changes.
    reset : whether *Reset the view* gives it its first value.
    in_links : whether a link carries it.
    """

    choices: tuple[Any, ...] = ()
    group: Group | None = None
    reset: bool = True
    in_links: bool = True


@cache
def options_of(model: type[BaseModel]) -> dict[str, Option]:
    """What is written beside each field of a model, with its choices."""
    found = {}
    for name, field in model.model_fields.items():
        option = next((mark for mark in field.metadata if isinstance(mark, Option)), Option())
        found[name] = replace(option, choices=option.choices or _choices(field.annotation))
    return found


def _choices(kind: Any) -> tuple[Any, ...]:
    if kind is bool:
        return (False, True)
    return get_args(kind) if get_origin(kind) is Literal else ()
