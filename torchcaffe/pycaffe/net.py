"""``caffe.Net`` on the engine: the same names, arguments and behaviour as Caffe 1.0's.

Two differences show: Caffe splits a blob that several layers read into ``…_split_…`` blobs and layers, which are not
here; and ``backward`` of a net without a loss and without ``force_backward: true``, which in Caffe silently does
nothing, warns before it does so.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import Message

from prototxt.common.errors import NetError
from prototxt.formats.weights import write_weights
from prototxt.formats.weights_hdf5 import read_hdf5, write_hdf5
from prototxt.net.graph import Value
from torchcaffe.blob import Activation, ParameterBlob
from torchcaffe.data.memory_data import MemoryData
from torchcaffe.network import Network
from torchcaffe.pycaffe.batches import Arrays, Collected, batches
from torchcaffe.pycaffe.constructor import argument_names, read_network
from torchcaffe.pycaffe.named import Named, Results
from torchcaffe.pycaffe.users_errors import users_errors
from torchcaffe.pycaffe.views import BlobPlaces, LayerView, UnknownBlobError, UnknownLayerError
from torchcaffe.snapshot import load_weights, warn_of_fillers
from torchcaffe.solver_nets import share_trained_layers
from torchcaffe.stored import Stored
from torchcaffe.tape import Tape

Callback = Callable[[int], Any]


class Net:
    """A net whose blobs and parameters are NumPy arrays that a program may read and write between passes.

    Called as ``Net(file, phase)``, ``Net(file, phase, level, stages, weights)`` or, the old way,
    ``Net(file, weights, phase)``.

    Parameters
    ----------
    network_file : a prototxt; or its message ``NetParameter``; or a `Network` that is there already (a solver's).
    arguments : phase (``TRAIN`` or ``TEST``), or weights and phase.
    phase, level, stages : the state that the net is filtered by.
    weights : ``.caffemodel`` or ``.caffemodel.h5``.

    Raises
    ------
    FormatError, NetError : a file is missing or damaged, the net is wrong, or the weights do not fit it.
    """

    @users_errors()
    def __init__(
        self,
        network_file: str | Path | Message | Network,
        *arguments: Any,
        phase: int | None = None,
        level: int = 0,
        stages: Sequence[str] | None = None,
        weights: str | Path | None = None,
    ) -> None:
        if isinstance(network_file, Network):
            self.network = network_file
        else:
            given = dict(zip(argument_names(arguments), arguments, strict=False))
            options = {"phase": phase, "level": level, "stages": stages, "weights": weights} | given
            self.network = read_network(network_file, **options)
        graph = self.network.graph
        self._places = BlobPlaces(graph)
        self.blobs: Named[Activation] = Named()
        for value in graph.values:
            if value.blob not in self.blobs:
                self.blobs[value.blob] = Activation(self.network.shapes.values[value], self.network.device)
        self.layers = [LayerView(layer) for layer in self.network.layers]
        self._layer_names = [node.name for node in graph.layers]
        self._indices = {name: index for index, name in reversed(list(enumerate(self._layer_names)))}
        self._tape = Tape(self.network, self.blobs)
        self._callbacks: dict[str, list[Callback]] = {
            name: [] for name in ("before_forward", "after_forward", "before_backward", "after_backward")
        }
        self._set_loss_diffs()

    # -- what there is ----------------------------------------------------------------------------------------------

    @cached_property
    def params(self) -> Named[list[ParameterBlob]]:
        """Parameters of every layer that has any."""
        named = zip(self._layer_names, self.layers, strict=True)
        return Named((name, layer.blobs) for name, layer in named if layer.blobs)

    @cached_property
    def layer_dict(self) -> Named[LayerView]:
        """Layers by name, in order."""
        return Named(zip(self._layer_names, self.layers, strict=True))

    @cached_property
    def inputs(self) -> list[str]:
        """Blobs of Input layers."""
        return [self._blob_names[place] for place in self._inputs]

    @cached_property
    def outputs(self) -> list[str]:
        """Blobs that no layer reads, in the order of their names, as Caffe has them."""
        return [self._blob_names[place] for place in self._outputs]

    @cached_property
    def top_names(self) -> Named[list[str]]:
        """Blobs that every layer writes."""
        return Named((node.name, [v.blob for v in node.tops]) for node in self.network.graph.layers)

    @cached_property
    def bottom_names(self) -> Named[list[str]]:
        """Blobs that every layer reads."""
        return Named((node.name, [v.blob for v in node.bottoms]) for node in self.network.graph.layers)

    @cached_property
    def blob_loss_weights(self) -> Named[float]:
        """With what weight every blob counts for the loss."""
        weights = {value.blob: weight for value, weight in self.network.loss_weights.items()}
        return Named((name, weights.get(name, 0.0)) for name in self.blobs)

    @property
    def _blob_names(self) -> list[str]:
        return self._places.names

    @property
    def _blobs(self) -> list[Activation]:
        return list(self.blobs.values())

    @property
    def _blob_loss_weights(self) -> list[float]:
        return list(self.blob_loss_weights.values())

    @property
    def _inputs(self) -> list[int]:
        return self._places.inputs

    @property
    def _outputs(self) -> list[int]:
        return self._places.outputs

    def _bottom_ids(self, layer: int) -> list[int]:
        return self._places.bottoms(layer)

    def _top_ids(self, layer: int) -> list[int]:
        return self._places.tops(layer)

    # -- passes -----------------------------------------------------------------------------------------------------

    def forward(
        self, blobs: Iterable[str] | None = None, start: str | None = None, end: str | None = None, **kwargs: np.ndarray
    ) -> Arrays:
        """Run the layers from ``start`` to ``end`` (both included; all by default) on what the blobs hold.

        Parameters
        ----------
        blobs : names of blobs to return besides the outputs (with ``end``: besides its tops).
        kwargs : arrays for all inputs of the net, or none.

        Returns
        -------
        The net's own arrays: copy what is to survive the next pass.
        """
        first = 0 if start is None else self._index(start)
        last = len(self.layers) - 1 if end is None else self._index(end)
        outputs = self.outputs if end is None else self.top_names[end]
        if kwargs:
            self._fill("data", self.inputs, kwargs)
        self._forward(first, last)
        return Results((name, self._blob(name).data) for name in dict.fromkeys([*outputs, *(blobs or ())]))

    def backward(
        self, diffs: Iterable[str] | None = None, start: str | None = None, end: str | None = None, **kwargs: np.ndarray
    ) -> Arrays:
        """Carry the diffs of tops back to bottoms and parameters, from layer ``start`` back to ``end``.

        Diffs of parameters add up until `clear_param_diffs`, those of blobs are overwritten.

        Parameters
        ----------
        diffs : names of blobs whose diff to return besides the inputs' (with ``end``: besides its bottoms').
        kwargs : diffs for all outputs of the net, or none.

        Returns
        -------
        The net's own arrays.
        """
        first = len(self.layers) - 1 if start is None else self._index(start)
        last = 0 if end is None else self._index(end)
        outputs = self.inputs if end is None else self.bottom_names[end]
        if kwargs:
            self._fill("diff", self.outputs, kwargs)
        self._backward(first, last)
        return Results((name, self._blob(name).diff) for name in dict.fromkeys([*outputs, *(diffs or ())]))

    def forward_all(self, blobs: Iterable[str] | None = None, **kwargs: np.ndarray) -> Arrays:
        """`forward` on any number of items, batch after batch; the last batch is filled up with zeros."""
        collected = Collected()
        for batch in self._batch(kwargs):
            collected.add(self.forward(blobs, None, None, **batch))
        return collected.arrays(kwargs)

    def forward_backward_all(
        self, blobs: Iterable[str] | None = None, diffs: Iterable[str] | None = None, **kwargs: np.ndarray
    ) -> tuple[Arrays, Arrays]:
        """`forward` and `backward` on any number of items; ``kwargs`` for inputs and for outputs' diffs."""
        forward = {name: kwargs[name] for name in self.inputs if name in kwargs}
        backward = {name: kwargs[name] for name in self.outputs if name in kwargs}
        all_blobs, all_diffs = Collected(), Collected()
        nothing: Arrays = {}
        for inputs, tops in zip_longest(self._batch(forward), self._batch(backward), fillvalue=nothing):
            all_blobs.add(self.forward(blobs, None, None, **inputs))
            all_diffs.add(self.backward(diffs, None, None, **tops))
        return all_blobs.arrays(kwargs), all_diffs.arrays(kwargs)

    @users_errors()
    def _forward(self, first: int, last: int) -> float:
        """Run layers by their places; returns the loss."""
        self._upload()
        loss = 0.0
        for index in range(first, last + 1):
            self._tell("before_forward", index)
            loss += self._tape.forward(index)
            self._tell("after_forward", index)
        return loss

    @users_errors()
    def _backward(self, first: int, last: int) -> None:
        """Run layers backward by their places."""
        if not self._tape.records_gradients:
            warnings.warn(
                "backward does nothing: the net has no loss; write force_backward: true into its prototxt",
                stacklevel=5,
            )
        self._upload()
        written: set[Value] = set()
        for index in range(first, last - 1, -1):
            self._tell("before_backward", index)
            self._tape.backward(index, written)
            self._tell("after_backward", index)

    # -- weights and shapes -----------------------------------------------------------------------------------------

    def copy_from(self, path: str | Path) -> None:
        """Load weights into the layers of the same names; layers that the file leaves out are named in the log."""
        warn_of_fillers(load_weights(Stored(self.network), [path]), path)

    def share_with(self, other: Net) -> None:
        """Use the parameters of another net's layers of the same names: the same memory from then on."""
        share_trained_layers(self.network, other.network)

    def save(self, path: str | Path) -> None:
        """Write a ``.caffemodel``."""
        self._upload()
        write_weights(path, self.network.net, self.network.weights())

    def save_hdf5(self, path: str | Path) -> None:
        """Write the weights as HDF5, whatever the file's name."""
        self._upload()
        write_hdf5(Path(path), self.network.net, self.network.weights())

    def load_hdf5(self, path: str | Path) -> None:
        """Load weights from HDF5, whatever the file's name."""
        weights = read_hdf5(path, self.network.net)
        self.network.load(weights)
        warn_of_fillers(Stored(self.network).without_weights(weights), path)

    @users_errors()
    def reshape(self) -> None:
        """Give all blobs the shapes that follow from those of the inputs now.

        Raises
        ------
        NetError : a layer's parameters do not fit the new shapes.
        """
        sources = {top.blob for node in self.network.graph.layers if not node.bottoms for top in node.tops}
        shapes = self.network.shapes_for({name: self.blobs[name].shape for name in sources})
        for layer, params in ((self.network.layer(name), params) for name, params in shapes.params.items()):
            if [tuple(shape) for shape in params] != layer.blob_shapes:
                raise NetError(
                    f"layer {layer.name!r} ({layer.type}): has parameters of shapes {layer.blob_shapes}; the new "
                    f"input shapes would need {params}"
                )
        for value, shape in shapes.values.items():
            self.blobs[value.blob].reshape(*shape)
        self._set_loss_diffs()

    def clear_param_diffs(self) -> None:
        """Set the diffs of all parameters to zero."""
        for learnable in self.network.learnable:
            if learnable.parameter.grad is not None:
                learnable.parameter.grad.zero_()

    def set_input_arrays(self, data: np.ndarray, labels: np.ndarray) -> None:
        """Hand arrays to the net's MemoryData layer, which must be its first.

        Raises
        ------
        NetError : it is not, or shapes do not fit.
        """
        first = self.network.layers[0]
        if not isinstance(first, MemoryData):
            raise NetError(f"set_input_arrays: the first layer must be MemoryData; it is {first.type}")
        first.reset(data, labels)

    _set_input_arrays = set_input_arrays

    # -- callbacks --------------------------------------------------------------------------------------------------

    def before_forward(self, callback: Callback) -> None:
        """Call back with every layer's place before it runs."""
        self._callbacks["before_forward"].append(callback)

    def after_forward(self, callback: Callback) -> None:
        """Call back with every layer's place after it ran."""
        self._callbacks["after_forward"].append(callback)

    def before_backward(self, callback: Callback) -> None:
        """Call back with every layer's place before it runs backward."""
        self._callbacks["before_backward"].append(callback)

    def after_backward(self, callback: Callback) -> None:
        """Call back with every layer's place after it ran backward."""
        self._callbacks["after_backward"].append(callback)

    # -- internal ---------------------------------------------------------------------------------------------------

    def _tell(self, event: str, index: int) -> None:
        for callback in self._callbacks[event]:
            callback(index)

    def _upload(self) -> None:
        """Bring what was written into parameters' arrays to where the net computes."""
        for layer in self.layers:
            for blob in layer.blobs:
                blob.data_memory().tensor()

    def _set_loss_diffs(self) -> None:
        for value, weight in self.network.loss_weights.items():
            self.blobs[value.blob].diff[...] = weight

    def _index(self, layer: str) -> int:
        try:
            return self._indices[layer] if layer in self._indices else self.network.graph.node(layer).index
        except NetError as error:
            raise UnknownLayerError(str(error)) from None

    def _blob(self, name: str) -> Activation:
        try:
            self.network.graph.value(name)
        except NetError as error:
            raise UnknownBlobError(str(error)) from None
        return self.blobs[name]

    def _fill(self, what: str, names: list[str], arrays: Arrays) -> None:
        if set(arrays) != set(names):
            kind = "inputs" if what == "data" else "outputs"
            raise NetError(f"the net's {kind} are {', '.join(names) or 'none'}; got {', '.join(arrays)}")
        for name, array in arrays.items():
            blob = self.blobs[name]
            if blob.shape and len(array) != blob.shape[0]:
                raise NetError(
                    f"blob {name!r} has batches of {blob.shape[0]}, got {len(array)}: reshape the blob first, "
                    "or use forward_all"
                )
            (blob.data if what == "data" else blob.diff)[...] = array

    def _batch(self, blobs: Arrays) -> Iterator[Arrays]:
        return batches(blobs, next(iter(self.blobs.values())).shape[0])
