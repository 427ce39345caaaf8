"""What pycaffe shows of a net's parts: its layers, and the places of blobs by which layers name them."""

from __future__ import annotations

from prototxt.common.errors import NetError
from prototxt.net.graph import NetGraph, Value
from torchcaffe.blob import ParameterBlob
from torchcaffe.layer import Layer


class UnknownLayerError(NetError, ValueError):
    """There is no layer of this name; pycaffe raises a ValueError."""


class UnknownBlobError(NetError, KeyError):
    """There is no blob of this name; pycaffe raises a KeyError."""

    __str__ = NetError.__str__  # KeyError puts the sentence in quotes


class LayerView:
    """A layer as ``net.layers`` has it.

    Attributes
    ----------
    type : as in the prototxt.
    blobs : its parameters.
    """

    def __init__(self, layer: Layer) -> None:
        self.type = layer.type
        self.blobs = [ParameterBlob(layer, index) for index in range(len(layer.blobs))]


class BlobPlaces:
    """Blobs of a net by number: in the order in which layers first write them.

    Parameters
    ----------
    graph : the net.

    Attributes
    ----------
    names : of all blobs; a blob that is written in place counts once.
    """

    def __init__(self, graph: NetGraph) -> None:
        self._graph = graph
        self.names = list(dict.fromkeys(value.blob for value in graph.values))
        self._places = {name: place for place, name in enumerate(self.names)}

    def of(self, values: tuple[Value, ...]) -> list[int]:
        """Numbers of the blobs that values are held by."""
        return [self._places[value.blob] for value in values]

    def bottoms(self, layer: int) -> list[int]:
        """Numbers of the blobs that a layer reads."""
        return self.of(self._graph.layers[layer].bottoms)

    def tops(self, layer: int) -> list[int]:
        """Numbers of the blobs that a layer writes."""
        return self.of(self._graph.layers[layer].tops)

    @property
    def inputs(self) -> list[int]:
        """Numbers of the blobs of Input layers."""
        return self.of(tuple(self._graph.inputs))

    @property
    def outputs(self) -> list[int]:
        """Numbers of the blobs that no layer reads, in the order of their names, as Caffe has them."""
        return self.of(tuple(sorted(self._graph.outputs, key=lambda value: value.blob)))
