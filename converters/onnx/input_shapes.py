"""Shapes of an ONNX model's inputs: as the file has them, with what the user says of axes that it leaves open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from math import prod

from converters.errors import ConversionError
from converters.onnx.graph import OnnxGraph, OnnxInput

LARGEST = 2**31 - 1
"""Values of one blob: Caffe counts them with an int."""

Shapes = dict[str, tuple[int, ...]]


def input_shapes(graph: OnnxGraph, given: Mapping[str, Sequence[int]], path: str) -> tuple[Shapes, list[str]]:
    """Give the shape of every input, channels first, and sentences about what was assumed.

    A batch (the first axis) of any size is taken as 1; every other open axis must be given.

    Parameters
    ----------
    given : shapes by name, of some inputs, as the file has their axes; "" is the only input.

    Raises
    ------
    ConversionError : if an axis is open and not given, or given otherwise than the file fixes it.
    """
    if not graph.inputs:
        raise ConversionError(
            f"{path}: takes no input, so that all it computes is a constant; export it with its input"
        )
    given = _by_name(graph, given, path)
    shapes: Shapes = {}
    notes: list[str] = []
    for entry in graph.inputs:
        if entry.name in given:
            shapes[entry.name] = _checked(entry, tuple(given[entry.name]), path)
        else:
            shapes[entry.name] = _assumed(entry, path)
            if entry.shape and not isinstance(entry.shape[0], int):
                notes.append(f"the batch of input {entry.name!r}, of any size, was taken as 1")
        if prod(shapes[entry.name]) > LARGEST:
            raise ConversionError(
                f"{path}: its input {entry.name!r} of shape {_written(shapes[entry.name])} has more values than a blob "
                f"of Caffe can have ({LARGEST}); say a smaller --input-shape"
            )
    return shapes, notes


def _by_name(graph: OnnxGraph, given: Mapping[str, Sequence[int]], path: str) -> dict[str, Sequence[int]]:
    names = [entry.name for entry in graph.inputs]
    if "" in given and len(names) > 1:
        example = " ".join(f"--input-shape {name}=1,3,224,224" for name in names)
        raise ConversionError(f"{path}: has {len(names)} inputs; give every shape its name, as in {example}")
    named = {name or names[0]: shape for name, shape in given.items()}
    for name in named:
        if name not in names:
            raise ConversionError(f"{path}: has no input {name!r}, whose shape is given; it takes: {', '.join(names)}")
    return named


def _checked(entry: OnnxInput, given: tuple[int, ...], path: str) -> tuple[int, ...]:
    told = _as_in_file(entry)
    pairs = zip(told, given, strict=True) if told is not None and len(told) == len(given) else ()
    if told is not None and (len(told) != len(given) or any(a != b for a, b in pairs if isinstance(a, int))):
        raise ConversionError(
            f"{path}: its input {entry.name!r} has the shape {_written(told)}, which {_written(given)} does not fit; "
            "export the model for the other size, or with dynamic axes"
        )
    return tuple(given[axis] for axis in _FIRST) if entry.channels_last else given


_FIRST, _LAST = (0, 3, 1, 2), (0, 2, 3, 1)


def _as_in_file(entry: OnnxInput) -> tuple[int | str, ...] | None:
    """The shape with the axes in the order of the file."""
    shape = entry.shape
    return tuple(shape[axis] for axis in _LAST) if entry.channels_last and shape is not None else shape


def _assumed(entry: OnnxInput, path: str) -> tuple[int, ...]:
    """The shape in the file, with a batch of 1 where it is open."""
    told: Sequence[int | str] = ("?",) * len(_USUAL) if entry.shape is None else entry.shape
    if entry.shape is None or any(not isinstance(axis, int) for axis in told[1:]):
        in_file = _as_in_file(entry)
        what = "no shape" if in_file is None else f"the shape {_written(in_file)}"
        example = [usual if isinstance(axis, str) else axis for axis, usual in zip_longest(told, _USUAL, fillvalue=8)]
        example = [example[axis] for axis in _LAST] if entry.channels_last else example[: len(told)]
        raise ConversionError(
            f"{path}: its input {entry.name!r} has {what}, and a Caffe net fixed sizes; say it, as in "
            f"--input-shape {entry.name}={','.join(map(str, example))}"
        )
    return tuple(axis if isinstance(axis, int) else 1 for axis in told)


_USUAL = (1, 3, 224, 224)  # what an example has where the file says nothing


def _written(shape: Sequence[int | str]) -> str:
    return f"({', '.join(map(str, shape))})"
