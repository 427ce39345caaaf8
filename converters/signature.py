"""What a model takes and returns, by name: inputs from its forward's signature, outputs by their place."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from converters.errors import ConversionError

Shapes = Sequence[int] | Mapping[str, Sequence[int]]
"""Shape of the one input, or shapes by the names of the forward's parameters; batch first."""

INPUT = "data"


def named_shapes(model: nn.Module, shapes: Shapes) -> dict[str, tuple[int, ...]]:
    """Shapes by parameter of the forward, in its order.

    Raises
    ------
    ConversionError : for a name that the forward does not have, or a tensor that it needs and nobody gave.
    """
    parameters = _parameters(model)
    if not isinstance(shapes, Mapping) or list(shapes) == [""]:
        shape = shapes[""] if isinstance(shapes, Mapping) else shapes
        shapes = {next(iter(parameters), "input"): shape}
    known = ", ".join(parameters) or "none by name"
    for name in shapes:
        if name not in parameters and not _takes_any(model):
            raise ConversionError(f"the forward of {type(model).__name__} has no input {name!r}; it takes: {known}")
    missing = [name for name, needed in parameters.items() if needed and name not in shapes]
    if missing:
        example = " ".join(f"--input-shape {name}=1,3,224,224" for name in parameters if parameters[name])
        raise ConversionError(
            f"the forward of {type(model).__name__} needs {' and '.join(missing)} as well; give a shape for each, as "
            f"in {example}"
        )
    ordered = [*(name for name in parameters if name in shapes), *(name for name in shapes if name not in parameters)]
    for name in ordered:
        if not len(shapes[name]) or min(shapes[name]) < 1:
            raise ConversionError(f"the shape of input {name!r} must be numbers from 1 on; got {tuple(shapes[name])}")
    return {name: tuple(map(int, shapes[name])) for name in ordered}


def input_names(names: Sequence[str]) -> list[str]:
    """Names of the Input layers: ``data`` where there is one, else those of the forward's parameters."""
    return [INPUT] if len(names) == 1 else list(names)


def arguments(model: nn.Module, values: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """How to call the forward with ``values``: by position as far as that goes, the rest by name."""
    parameters = list(_parameters(model))
    names, only = list(values), _only_by_name(model)
    leading = len(names) if _takes_any(model) else 0
    while leading < len(names) and names[leading] == parameters[leading] and names[leading] not in only:
        leading += 1
    return tuple(values[name] for name in names[:leading]), {name: values[name] for name in names[leading:]}


def leaves(result: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a nest of tuples, lists and dictionaries with its path, such as ``"boxes.0"``."""
    below: Any = None
    if isinstance(result, Mapping):
        below = result.items()
    elif isinstance(result, tuple) and hasattr(result, "_fields"):
        below = zip(result._fields, result, strict=True)
    elif isinstance(result, tuple | list):
        below = enumerate(result)
    if below is None:
        yield path, result
        return
    for key, value in below:
        yield from leaves(value, f"{path}.{key}" if path else str(key))


def tensors(result: Any) -> list[Tensor]:
    """The tensors among the `leaves`."""
    return [value for _, value in leaves(result) if isinstance(value, Tensor)]


_BY_NAME = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def _parameters(model: nn.Module) -> dict[str, bool]:
    """Names of the forward's parameters, and whether each must be given."""
    found = inspect.signature(model.forward).parameters.values()
    return {each.name: each.default is inspect.Parameter.empty for each in found if each.kind in _BY_NAME}


def _only_by_name(model: nn.Module) -> set[str]:
    found = inspect.signature(model.forward).parameters.values()
    return {each.name for each in found if each.kind is inspect.Parameter.KEYWORD_ONLY}


def _takes_any(model: nn.Module) -> bool:
    """Whether the forward begins with ``*args``, which takes tensors by position under any name."""
    found = inspect.signature(model.forward).parameters.values()
    return not _parameters(model) and any(each.kind is inspect.Parameter.VAR_POSITIONAL for each in found)
