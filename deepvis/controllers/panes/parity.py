"""How exact the conversion of a PyTorch or ONNX model is: the largest difference of every layer in every engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from converters.files import read_conversion
from deepvis.controllers.panes.registry import pane
from deepvis.controllers.sources import Sources
from deepvis.model.files import CONVERSION
from deepvis.state.resolve import DisplayState


@dataclass(frozen=True)
class LayerParity:
    """One layer.

    Parameters
    ----------
    layer, type, module : of the Caffe layer, and its place in the PyTorch model.
    relative, absolute : by engine, largest difference from PyTorch, maybe infinite; None where it was not compared.
    """

    layer: str
    type: str
    module: str
    relative: Mapping[str, float | None]
    absolute: Mapping[str, float | None]


@dataclass(frozen=True)
class ParityContent:
    """The report, or what is missing for it.

    Parameters
    ----------
    summary : what was converted, and a sentence for every engine.
    engines : names, in the order of the columns.
    layers : in the net's order.
    """

    summary: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()
    layers: tuple[LayerParity, ...] = ()
    missing: str = ""

    @property
    def largest(self) -> float:
        """The largest relative difference of all, 0 where nothing was compared."""
        return max((value or 0.0 for layer in self.layers for value in layer.relative.values()), default=0.0)


@pane("parity", "Parity of the conversion", follows=())
def make_parity(state: DisplayState, sources: Sources) -> Iterator[ParityContent]:
    """Read ``conversion.json`` beside the model."""
    yield parity_of(sources.session.engine.model.path)


def parity_of(net: Path) -> ParityContent:
    """The report of the conversion that wrote ``net``."""
    record = net.with_name(CONVERSION)
    if not record.is_file() or (found := read_conversion(record)).prototxt != net:
        return ParityContent(missing="This model came as a Caffe net: there is no PyTorch model to compare it with")
    content = found.content
    engines = tuple(content["engines"])
    if not engines:
        return ParityContent(
            missing="This conversion was not verified: do it again with convert_pytorch_to_caffe --verify torchcaffe"
        )
    layers = tuple(_layer(layer, engines) for layer in content["layers"] if layer["differences"])
    summary = (_source(content["source"]), *(_verdict(name, content["engines"][name]) for name in engines))
    return ParityContent(summary, engines, layers)


def _layer(layer: Mapping[str, Any], engines: tuple[str, ...]) -> LayerParity:
    values = {name: layer["differences"].get(name, {}) for name in engines}
    relative = {name: _number(value, "relative") for name, value in values.items()}
    absolute = {name: _number(value, "absolute") for name, value in values.items()}
    return LayerParity(layer["name"], layer["type"], layer["module"] or "", relative, absolute)


def _number(values: Mapping[str, float | None], name: str) -> float | None:
    """JSON knows no infinity: there it is null."""
    if name not in values:
        return None
    value = values[name]
    return inf if value is None else value


def _source(source: Mapping[str, Any]) -> str:
    weights = source.get("weights", "random weights")
    return f"{source.get('arch') or source.get('module') or 'an ONNX model'} with {weights}"


def _verdict(name: str, engine: Mapping[str, Any]) -> str:
    version = str(engine["version"])
    program = version if name in version.lower() else f"{name} {version}"
    if engine["worst_layer"] is None:
        return f"{program}: {engine['note']}"
    relative = engine["largest_relative"]
    if relative == 0:
        return f"{program}: {engine['layers']} layers, {engine['inputs']} inputs, no difference at all"
    worst = "infinite" if relative is None else f"{relative:.1e}"
    return (
        f"{program}: {engine['layers']} layers, {engine['inputs']} inputs, largest relative "
        f"difference {worst} at {engine['worst_layer']} (allowed {engine['allowed_relative']:.0e})"
    )
