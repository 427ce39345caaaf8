"""Shapes of an ONNX model's inputs: as the file has them, with what the user says of axes that it leaves open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

from converters.errors import ConversionError
from converters.onnx.graph import OnnxGraph, OnnxInput

Shapes = dict[str, tuple[int, ...]]


def parse_shapes(text: str, graph: OnnxGraph, path: str) -> Shapes:
    """What ``--input-shape`` says: ``1,3,224,224`` for the one input, or ``name=1,3,224,224``, several with ``;``.

    Raises
    ------
    ConversionError : if it names no input of the model, or has something else than whole numbers from 1.
    """
    names = [entry.name for entry in graph.inputs]
    shapes: Shapes = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, equals, numbers = part.rpartition("=")
        if not equals and len(names) != 1:
            raise ConversionError(
                f"--input-shape {part}: {path} has several inputs; say of which, as {names[0]}={part}"
            )
        if equals and name not in names:
            raise ConversionError(f"--input-shape {part}: {path} has no input {name!r}, but {', '.join(names)}")
        try:
            shape = tuple(int(number) for number in numbers.split(","))
        except ValueError:
            shape = ()
        if not shape or min(shape) < 1:
            raise ConversionError(
                f"--input-shape {part}: must be whole numbers from 1, the batch first, with commas between, as in "
                f"{names[0]}=1,3,224,224"
            )
        shapes[name if equals else names[0]] = shape
    return shapes


def input_shapes(graph: OnnxGraph, given: Mapping[str, Sequence[int]], path: str) -> tuple[Shapes, list[str]]:
    """Give the shape of every input, and sentences about what was assumed.

    A batch (the first axis) of any size is taken as 1; every other open axis must be given.

    Parameters
    ----------
    given : shapes by name, of some inputs.

    Raises
    ------
    ConversionError : if an axis is open and not given, or given otherwise than the file fixes it.
    """
    shapes: Shapes = {}
    notes: list[str] = []
    for entry in graph.inputs:
        if entry.name in given:
            shapes[entry.name] = _checked(entry, tuple(given[entry.name]), path)
        else:
            shapes[entry.name] = _assumed(entry, path)
            if entry.shape and not isinstance(entry.shape[0], int):
                notes.append(f"the batch of input {entry.name!r}, of any size, was taken as 1")
    return shapes, notes


def _checked(entry: OnnxInput, given: tuple[int, ...], path: str) -> tuple[int, ...]:
    told = entry.shape if entry.shape is not None else given
    fits = len(told) == len(given) and all(
        wanted == number for wanted, number in zip(told, given, strict=True) if isinstance(wanted, int)
    )
    if not fits:
        raise ConversionError(
            f"{path}: its input {entry.name!r} has the shape {_written(told)}, which {_written(given)} does not fit; "
            "export the model for the other size, or with dynamic axes"
        )
    return given


def _assumed(entry: OnnxInput, path: str) -> tuple[int, ...]:
    """The shape in the file, with a batch of 1 where it is open."""
    told: Sequence[int | str] = ("?",) * len(_USUAL) if entry.shape is None else entry.shape
    if any(not isinstance(axis, int) for axis in told[1:]) or entry.shape is None:
        what = "no shape" if entry.shape is None else f"the shape {_written(told)}"
        example = [usual if isinstance(axis, str) else axis for axis, usual in zip_longest(told, _USUAL, fillvalue=8)]
        raise ConversionError(
            f"{path}: its input {entry.name!r} has {what}, and a Caffe net fixed sizes; say it, as in "
            f"--input-shape {entry.name}={','.join(map(str, example[: len(told)]))}"
        )
    return tuple(axis if isinstance(axis, int) else 1 for axis in told)


_USUAL = (1, 3, 224, 224)  # what an example has where the file says nothing


def _written(shape: Sequence[int | str]) -> str:
    return f"({', '.join(map(str, shape))})"
