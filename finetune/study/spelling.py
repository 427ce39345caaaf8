"""Errors of a study file as sentences: the file, the key, what is allowed, and what was perhaps meant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from finetune.errors import ExperimentError


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Say that a name is not known, with the nearest one that is, and all of them."""
    names = list(known)
    close = get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"unknown {what} {name!r}; {hint}allowed are {', '.join(names) or 'none'}"


def refusal(error: ValidationError, source: object, model: type[BaseModel]) -> ExperimentError:
    """Turn the first complaint of pydantic about a file into an error with a sentence.

    Parameters
    ----------
    error : what pydantic raised.
    source : the file.
    model : what the file was read as.
    """
    first = error.errors()[0]
    place = first["loc"]
    if first["type"] == "extra_forbidden":
        known = _fields_at(model, place[:-1])
        where = _path(place[:-1])
        what = f"key in {where}" if where else "key"
        return ExperimentError(f"{source}: {unknown(what, str(place[-1]), known)}")
    got = "" if first["type"] == "missing" else f"; got {first['input']!r}"
    return ExperimentError(f"{source}: {_path(place)}: {first['msg'][0].lower()}{first['msg'][1:]}{got}")


def _path(place: Sequence[str | int]) -> str:
    """``('methods', 0, 'options')`` → ``methods[1].options``; people count from 1."""
    text = ""
    for part in place:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _fields_at(model: type[BaseModel], place: Sequence[str | int]) -> list[str]:
    """Names of the fields of the model at a place inside a model."""
    current: Any = model
    for part in place:
        named = {field.alias or name: field for name, field in current.model_fields.items()}
        if part in named:  # else it is a place in a list, or a name that the file gives
            current = _inner(named[str(part)].annotation)
        if current is None:
            return []
    return [field.alias or name for name, field in current.model_fields.items()]


def _inner(annotation: Any) -> Any:
    """The model that an annotation is, or has inside (``tuple[Model, ...]``, ``dict[str, Model]``)."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_inner, getattr(annotation, "__args__", ()))), None)
