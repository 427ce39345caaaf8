"""From an ONNX model to a Caffe net, by way of PyTorch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from converters.conversion import Conversion, convert
from converters.errors import Problem, UnsupportedOpsError
from converters.onnx.build import Built, build
from converters.onnx.errors import UnsupportedNodesError
from converters.onnx.file import OnnxFile, open_onnx
from converters.onnx.module import OnnxModule
from converters.onnx.names import identifier
from prototxt.pixels.preprocess import Preprocessing


def convert_onnx(
    path: Path | str,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    preprocessing: Preprocessing | None = None,
    title: str = "",
    softmax: bool = True,
) -> Conversion:
    """Convert an ONNX model.

    Parameters
    ----------
    path : of the ``.onnx`` file, its external data beside it.
    input_shapes : by name of the input ("" for the only one), as the file has the axes; for axes that it leaves open.
    preprocessing : from pixels to the model's first input.
    title : name of the net; by default the file's.
    softmax : append a Softmax layer ``prob`` if the model returns (N, classes) scores.

    Raises
    ------
    FormatError : if there is no such file.
    UnsupportedNodesError : naming every node that cannot be converted.
    ConversionError : for all else that stands against it: see `converters.onnx.file.open_onnx`.
    """
    file = open_onnx(path, input_shapes)
    return convert_built(file, file.build(), preprocessing, title or file.path.stem, softmax)


def convert_built(
    file: OnnxFile, built: Built, preprocessing: Preprocessing | None, title: str, softmax: bool
) -> Conversion:
    """Convert a file that was built; layers, errors and the record speak of the nodes by their ONNX names."""
    shapes = dict(zip(input_names(file), file.shapes.values(), strict=True))
    try:
        conversion = convert(
            built.module, shapes, preprocessing, built.names, title, softmax, at=lambda other: _built_at(file, other)
        )
    except UnsupportedOpsError as error:
        raise UnsupportedNodesError(str(file.path), [_of_node(each, built) for each in error.problems]) from error
    return replace(
        conversion,
        modules={layer: built.labels.get(place, ("", ""))[1] for layer, place in conversion.modules.items()},
        notes=(*file.notes, *conversion.notes),
    )


def _built_at(file: OnnxFile, shapes: Mapping[str, tuple[int, ...]]) -> OnnxModule:
    """The module for inputs of other shapes, by the names of blobs."""
    return build(file.graph, dict(zip(file.shapes, shapes.values(), strict=True)), str(file.path)).module


def input_names(file: OnnxFile) -> list[str]:
    """Names of the inputs as those of blobs."""
    names = [identifier(name) for name in file.shapes]
    return names if len(set(names)) == len(names) else [f"{name}_{place}" for place, name in enumerate(names, start=1)]


def _of_node(problem: Problem, built: Built) -> Problem:
    """A problem of an ATen operation as one of the ONNX node that it stands for."""
    op, label = built.labels.get(problem.place, (problem.op, problem.place))
    return Problem(op, label, f"{problem.op}: {problem.reason or 'it cannot be converted to stock Caffe'}")
