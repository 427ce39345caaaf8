"""A Caffe net as a program."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from converters.engines import ENGINES, Job
from converters.errors import ConversionError
from converters.files import RECORD, read_conversion
from converters.pairs.program import Program
from prototxt.formats.text import read_net
from prototxt.formats.upgrade import upgrade_net
from prototxt.net.graph import NetGraph
from prototxt.net.phases import filter_net


class CaffeProgram(Program):
    """A prototxt and a caffemodel, run by an engine.

    Parameters
    ----------
    prototxt, caffemodel : its files.
    engine : name in `ENGINES`.
    """

    def __init__(self, prototxt: Path, caffemodel: Path, engine: str) -> None:
        self.title = f"{prototxt} in {engine}"
        self._engine = ENGINES.find(engine, "--engine")
        self._files = (prototxt, caffemodel)
        graph = NetGraph(filter_net(upgrade_net(read_net(prototxt)), "TEST"))
        self.inputs = {
            top.blob: tuple(node.layer.input_param.shape[min(index, len(node.layer.input_param.shape) - 1)].dim)
            for node in graph.layers
            if node.type == "Input" and node.layer.input_param.shape
            for index, top in enumerate(node.tops)
        }
        self._tops = [(node.name, index) for node in graph.layers for index in range(len(node.tops))]
        makers = [(graph.producer(value), value) for value in graph.outputs]
        self._outputs = [(node.name, node.tops.index(value)) for node, value in makers]
        self._modules: dict[str, str] = {}
        record = prototxt.with_name(RECORD)
        if record.exists() and (found := read_conversion(record)).prototxt.name == prototxt.name:
            self._modules = dict(found.modules)
            given = [graph.value(blob) for blob in found.outputs.values() if blob]
            self._outputs = [(graph.producer(v).name, graph.producer(v).tops.index(v)) for v in given] or self._outputs

    def values(self, feed: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """First tops by layer; of layers that were made of one module the last, by its place, which comes first."""
        results = self._run(feed)
        values = {layer: array for (layer, index), array in results.items() if index == 0 and layer not in self.inputs}
        last = {place: layer for layer, place in self._modules.items() if place and layer in values}
        renamed = {layer: place for place, layer in last.items()}
        return {renamed.get(layer, layer): array for layer, array in values.items()}

    def outputs(self, feed: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """See `Program.outputs`; of a converted net those of its PyTorch model."""
        results = self._run(feed)
        return [results[top] for top in self._outputs if top in results]

    def _run(self, feed: Mapping[str, np.ndarray]) -> dict[tuple[str, int], np.ndarray]:
        if self.inputs and len(feed) != len(self.inputs):
            raise ConversionError(f"{self.title}: takes {len(self.inputs)} inputs, not {len(feed)}")
        names = list(self.inputs) or list(feed)
        named = dict(zip(names, feed.values(), strict=True))
        return next(self._engine.run([Job(*self._files, (named,), tuple(self._tops))]))
