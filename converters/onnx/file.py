"""An ONNX file on its way into a PyTorch module: read, simplified, its shapes known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from converters.onnx.build import Built, build
from converters.onnx.fusions import fused
from converters.onnx.graph import OnnxGraph
from converters.onnx.input_shapes import Shapes, input_shapes
from converters.onnx.read import read_onnx
from converters.onnx.transposes import without_transposes


@dataclass(frozen=True, eq=False)
class OnnxFile:
    """A file that can be built.

    Parameters
    ----------
    path : of the file.
    graph : what it holds, simplified.
    shapes : of the inputs by name, channels first.
    notes : what was assumed or changed, a sentence each.
    """

    path: Path
    graph: OnnxGraph
    shapes: Shapes
    notes: tuple[str, ...]

    def build(self) -> Built:
        """The PyTorch module; UnsupportedNodesError names every node that cannot be translated."""
        return build(self.graph, self.shapes, str(self.path))


def open_onnx(path: Path | str, given: Mapping[str, Sequence[int]] | None = None) -> OnnxFile:
    """Read a file.

    Parameters
    ----------
    given : shapes of inputs by name, "" for the only one, as the file has their axes.

    Raises
    ------
    FormatError : if there is no such file.
    ConversionError : if it cannot be converted, or an axis of an input is open; see `read_onnx`, `input_shapes`.
    """
    path = Path(path)
    graph = fused(without_transposes(read_onnx(path)))
    shapes, assumed = input_shapes(graph, given or {}, str(path))
    return OnnxFile(path, graph, shapes, (*graph.notes, *assumed))
