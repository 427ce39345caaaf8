"""pycaffe's ``Net`` on the engine: the same names, arguments and behaviour as Caffe 1.0's ``caffe.Net``.

Two differences show: Caffe splits a blob that several layers read into ``…_split_…`` blobs and layers, which are not
here; and ``backward`` of a net without a loss and without ``force_backward: true``, which in Caffe silently does
nothing, warns before it does so.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from prototxt.common.errors import NetError
from prototxt.formats.text import read_net
from prototxt.formats.weights import read_weights, write_weights
from prototxt.formats.weights_hdf5 import read_hdf5, write_hdf5
from prototxt.net.graph import Value
from torchcaffe.blob import Activation, ParameterBlob
from torchcaffe.data.memory_data import MemoryData
from torchcaffe.layer import Layer
from torchcaffe.mode import TEST, TRAIN, current_device
from torchcaffe.network import Network
from torchcaffe.registry import LAYERS
from torchcaffe.snapshot import load_weights, warn_of_fillers
from torchcaffe.solver_nets import share_trained_layers
from torchcaffe.stored import Stored
from torchcaffe.tape import Tape

Callback = Callable[[int], Any]
Arrays = dict[str, np.ndarray]
PHASES = {TRAIN: "TRAIN", TEST: "TEST"}


class LayerView:
    """A layer as pycaffe shows it."""

    def __init__(self, layer: Layer) -> None:
        self.type = layer.type
        self.blobs = [ParameterBlob(layer, index) for index in range(len(layer.blobs))]


class Net:
    """A net whose blobs and parameters are NumPy arrays that a program may read and write between passes.

    Called as ``Net(file, phase)``, ``Net(file, phase, level, stages, weights)`` or, the old way,
    ``Net(file, weights, phase)``.

    Parameters
    ----------
    network_file : a prototxt, or a `Network` that is there already (a solver's).
    arguments : phase (``TRAIN`` or ``TEST``), or weights and phase.
    phase, level, stages : the state that the net is filtered by.
    weights : ``.caffemodel`` or ``.caffemodel.h5``.

    Raises
    ------
    FormatError, NetError : a file is missing or damaged, the net is wrong, or the weights do not fit it.
    """

    def __init__(
        self,
        network_file: str | Path | Network,
        *arguments: Any,
        phase: int | None = None,
        level: int = 0,
        stages: Sequence[str] | None = None,
        weights: str | Path | None = None,
    ) -> None:
        if isinstance(network_file, Network):
            self.network = network_file
        else:
            given = dict(zip(_argument_names(arguments), arguments, strict=False))
            options = {"phase": phase, "level": level, "stages": stages, "weights": weights} | given
            self.network = _read_network(network_file, **options)
        graph = self.network.graph
        self.blobs: OrderedDict[str, Activation] = OrderedDict()
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
    def params(self) -> OrderedDict[str, list[ParameterBlob]]:
        """Parameters of every layer that has any."""
        named = zip(self._layer_names, self.layers, strict=True)
        return OrderedDict((name, layer.blobs) for name, layer in named if layer.blobs)

    @cached_property
    def layer_dict(self) -> OrderedDict[str, LayerView]:
        """Layers by name, in order."""
        return OrderedDict(zip(self._layer_names, self.layers, strict=True))

    @cached_property
    def inputs(self) -> list[str]:
        """Blobs of Input layers."""
        return [value.blob for value in self.network.graph.inputs]

    @cached_property
    def outputs(self) -> list[str]:
        """Blobs that no layer reads, in the order of their names, as Caffe has them."""
        return sorted(value.blob for value in self.network.graph.outputs)

    @cached_property
    def top_names(self) -> OrderedDict[str, list[str]]:
        """Blobs that every layer writes."""
        return OrderedDict((node.name, [v.blob for v in node.tops]) for node in self.network.graph.layers)

    @cached_property
    def bottom_names(self) -> OrderedDict[str, list[str]]:
        """Blobs that every layer reads."""
        return OrderedDict((node.name, [v.blob for v in node.bottoms]) for node in self.network.graph.layers)

    @cached_property
    def blob_loss_weights(self) -> OrderedDict[str, float]:
        """With what weight every blob counts for the loss."""
        weights = {value.blob: weight for value, weight in self.network.loss_weights.items()}
        return OrderedDict((name, weights.get(name, 0.0)) for name in self.blobs)

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
        return {name: self._blob(name).data for name in dict.fromkeys([*outputs, *(blobs or ())])}

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
        return {name: self._blob(name).diff for name in dict.fromkeys([*outputs, *(diffs or ())])}

    def forward_all(self, blobs: Iterable[str] | None = None, **kwargs: np.ndarray) -> Arrays:
        """`forward` on any number of items, batch after batch; the last batch is filled up with zeros."""
        collected: dict[str, list[np.ndarray]] = {}
        for batch in self._batch(kwargs):
            for name, array in self.forward(blobs, None, None, **batch).items():
                collected.setdefault(name, []).extend(array.copy())
        return _without_padding(collected, kwargs)

    def forward_backward_all(
        self, blobs: Iterable[str] | None = None, diffs: Iterable[str] | None = None, **kwargs: np.ndarray
    ) -> tuple[Arrays, Arrays]:
        """`forward` and `backward` on any number of items; ``kwargs`` for inputs and for outputs' diffs."""
        forward = {name: kwargs[name] for name in self.inputs if name in kwargs}
        backward = {name: kwargs[name] for name in self.outputs if name in kwargs}
        all_blobs: dict[str, list[np.ndarray]] = {}
        all_diffs: dict[str, list[np.ndarray]] = {}
        nothing: Arrays = {}
        for inputs, tops in zip_longest(self._batch(forward), self._batch(backward), fillvalue=nothing):
            for name, array in self.forward(blobs, None, None, **inputs).items():
                all_blobs.setdefault(name, []).extend(array.copy())
            for name, array in self.backward(diffs, None, None, **tops).items():
                all_diffs.setdefault(name, []).extend(array.copy())
        return _without_padding(all_blobs, kwargs), _without_padding(all_diffs, kwargs)

    def _forward(self, first: int, last: int) -> float:
        """Run layers by their places; returns the loss."""
        self._upload()
        loss = 0.0
        for index in range(first, last + 1):
            self._tell("before_forward", index)
            loss += self._tape.forward(index)
            self._tell("after_forward", index)
        return loss

    def _backward(self, first: int, last: int) -> None:
        """Run layers backward by their places."""
        if not self._tape.records_gradients:
            warnings.warn(
                "backward does nothing: the net has no loss; write force_backward: true into its prototxt",
                stacklevel=3,
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
        return self.network.graph.node(layer).index if layer not in self._indices else self._indices[layer]

    def _blob(self, name: str) -> Activation:
        self.network.graph.value(name)
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

    def _batch(self, arrays: Arrays) -> Iterator[Arrays]:
        if not arrays:
            return
        size = next(iter(self.blobs.values())).shape[0]
        count = len(next(iter(arrays.values())))
        for begin in range(0, count, size):
            batch = {name: np.asarray(array[begin : begin + size]) for name, array in arrays.items()}
            missing = size - min(size, count - begin)
            yield {
                name: np.concatenate([array, np.zeros((missing, *array.shape[1:]), array.dtype)]) if missing else array
                for name, array in batch.items()
            }


def layer_type_list() -> list[str]:
    """Types of all layers that can be run, sorted."""
    return sorted(LAYERS)


def _argument_names(arguments: Sequence[Any]) -> tuple[str, ...]:
    """Names of positional arguments, of Caffe's two constructors."""
    if arguments and isinstance(arguments[0], str | Path):
        return ("weights", "phase")
    return ("phase", "level", "stages", "weights")


def _read_network(
    path: str | Path, phase: int | None, level: int, stages: Sequence[str] | None, weights: str | Path | None
) -> Network:
    if phase not in PHASES:
        raise NetError(f"Net({str(path)!r}): the phase must be caffe.TRAIN (0) or caffe.TEST (1), got {phase!r}")
    net = read_net(path)
    loaded = None if weights is None else read_weights(weights, net)
    try:
        network = Network(net, PHASES[phase], current_device(), loaded, None, level, stages or ())
    except NetError as error:
        source = f"{path} with {weights}" if weights else str(path)
        raise type(error)(f"{source}: {error}") from error
    if loaded is not None:
        warn_of_fillers(Stored(network).without_weights(loaded), weights)
    return network


def _without_padding(collected: dict[str, list[np.ndarray]], given: Arrays) -> Arrays:
    count = len(next(iter(given.values())))
    return {name: np.asarray(rows)[:count] for name, rows in collected.items()}
