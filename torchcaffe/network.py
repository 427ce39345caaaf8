"""The engine: a Caffe net as a torch module, run by one small loop over its layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

import torchcaffe.data
import torchcaffe.layers  # noqa: F401 - registers the layers, as torchcaffe.data does
from prototxt.common.errors import InputError, NetError
from prototxt.formats.schema import NetParameter
from prototxt.formats.weights import Weights
from prototxt.net.graph import NetGraph, Node, Value
from prototxt.net.input_size import check_input_size, fixed_input_size
from prototxt.net.phases import filter_net
from prototxt.net.shapes import Shapes, infer_shapes
from torchcaffe.fusion import Rule, fuse, rule_of
from torchcaffe.layer import Layer, Shape
from torchcaffe.layers.convolution import filters_images
from torchcaffe.plan import Function, Step, make_plan
from torchcaffe.registry import LAYERS
from torchcaffe.sharing import Learnable, share_parameters


class Network(nn.Module):
    """A net of one phase, ready to run.

    Parameters
    ----------
    net : as read from a prototxt; filtered for the phase here.
    phase : "TRAIN" or "TEST".
    device : where it computes.
    weights : for `load`; layers that are in it are not filled first. None leaves every parameter to its filler.
    seed : of fillers and random layers; None draws one from torch's own generator (``torch.manual_seed``).
    level, stages : the rest of the state that the net is filtered by.

    Attributes
    ----------
    net : the net of this phase.
    phase : "TRAIN" or "TEST".
    graph : its layers and values.
    layers : a `Layer` for every node of the graph, in the same order.
    params : the parameters of every layer that has any, in Caffe's order.
    learnable : every parameter once, in the order in which Caffe's solvers keep their history.
    loss_weights : of every value that counts for the loss.
    shapes : of all values by the prototxt. What `run` computes follows the inputs that it is given instead.

    Raises
    ------
    NetError : an unknown layer type, wrong wiring or shapes, weights that do not fit.
    """

    def __init__(
        self,
        net: NetParameter,
        phase: str = "TEST",
        device: torch.device | str = "cpu",
        weights: Weights | None = None,
        seed: int | None = None,
        level: int | None = None,
        stages: Iterable[str] = (),
    ) -> None:
        super().__init__()
        self.net = filter_net(net, phase, level, stages)
        self._fixed_size = fixed_input_size(net)
        self.phase = phase
        self.graph = NetGraph(self.net)
        self.seed = int(torch.randint(2**31, ())) if seed is None else seed
        self.layers, self.shapes = self._make_layers(set(weights or ()))
        self._modules_of_layers = nn.ModuleList(self.layers)
        self.learnable: tuple[Learnable, ...] = share_parameters(self.layers)
        self.params: dict[str, list[nn.Parameter]] = {
            layer.name: list(layer.blobs) for layer in self.layers if len(layer.blobs)
        }
        for learnable in self.learnable:
            learnable.parameter.requires_grad_(self.net.force_backward or learnable.spec.lr_mult != 0)
        self.loss_weights: dict[Value, float] = {
            value: weight
            for node, layer in zip(self.graph.layers, self.layers, strict=True)
            for value, weight in zip(node.tops, layer.loss_weights, strict=True)
            if weight
        }
        self._plans: dict[tuple[frozenset[Value], tuple[Value, ...] | None, Rule | None], tuple[Step, ...]] = {}
        self._channels_last = any(filters_images(layer) for layer in self.layers)
        self.to(device)
        if weights:
            self.load(weights)

    @property
    def device(self) -> torch.device:
        """Where the net computes."""
        return self.layers[0].device if self.layers else torch.device("cpu")

    def layer(self, name: str) -> Layer:
        """The layer called ``name``.

        Raises
        ------
        NetError : if there is none.
        """
        return self.layers[self.graph.node(name).index]

    # -- running ----------------------------------------------------------------------------------------------------

    def run(
        self,
        inputs: Mapping[str | Value, Tensor | np.ndarray] | None = None,
        keep: Iterable[str | Value] | None = None,
        overrides: Mapping[str, Function] | None = None,
        *,
        fold: bool = False,
    ) -> dict[Value, Tensor]:
        """Run the net, or the part of it that leads to the wanted values.

        Every layer computes on the sizes that it is given: the batch need not be the prototxt's. No value that is
        given or wanted is written in place, and a value is let go of as soon as no later layer needs it. Whether a
        gradient is recorded is the caller's choice (``torch.no_grad``, ``torch.inference_mode``). Images and maps have
        their channels last in memory where the net has filters for images: `torch.Tensor.contiguous` gives Caffe's
        order.

        Parameters
        ----------
        inputs : values that are given instead of computed, float32: by blob name (what its first layer writes, so
            ``"data"`` of an Input or data layer) or by `Value`; anywhere in the net. Their layers do not run.
        keep : the values that are wanted, by `Value` or by blob name (what the blob holds in the end). The pass stops
            after the last of them. None: all outputs and losses, and every layer runs.
        overrides : functions for layer types, called with the layer and its bottoms in place of the layer itself
            (``{"ReLU": guided_relu}``).
        fold : let layers between which nobody looks compute as one (`torchcaffe.fusion`), in less time. A value then
            depends in its last bits on which others are wanted; without it, it does not.

        Returns
        -------
        The wanted values.

        Raises
        ------
        NetError : an input is missing, or has a size that the net is not right for (`prototxt.net.input_size`); a blob
            is unknown, or a layer fails; the sentence names layer and shapes.
        """
        given = {self._first(key): self.in_fast_layout(self._tensor(array)) for key, array in (inputs or {}).items()}
        if self._fixed_size is not None:
            for value in given.keys() & set(self.graph.inputs):
                check_input_size(self._fixed_size, value.blob, self.shapes.values[value], given[value].shape)
        wanted = None if keep is None else tuple(self._last(key) for key in keep)
        values = dict(given)
        rule = None if overrides else rule_of(torch.is_grad_enabled(), fold)
        for step in self._plan(frozenset(given), wanted, rule):
            bottoms = [values[value].detach() if cut else values[value] for value, cut in step.bottoms]
            tops = (
                self._call(step.node, step.function, bottoms)
                if step.function
                else (self.call_layer(step.node, bottoms, overrides))
            )
            if not bottoms:
                tops = tuple(self.in_fast_layout(top) for top in tops)
            values |= {v: top for v, top in zip(step.tops, tops, strict=True) if v not in given}
            for value in step.frees:
                del values[value]
        return {value: values[value] for value in (self._results() if wanted is None else wanted)}

    def reset_state(self) -> None:
        """Let recurrent layers forget the batches before: the next pass does not depend on them."""
        for layer in self.layers:
            layer.reset_state()

    def shapes_for(self, given: Mapping[str, Shape]) -> Shapes:
        """Shapes of all values when the blobs of layers without bottoms have the given ones.

        Raises
        ------
        NetError : they do not fit the net.
        """
        return infer_shapes(self.graph, given, lambda node, bottoms: self.layers[node.index].shapes_of_tops(bottoms))

    def zeros(self) -> dict[str | Value, Tensor]:
        """Zeros for all inputs, in the prototxt's shapes: what Caffe's programs run a net on that has Input layers."""
        return {value: torch.zeros(self.shapes.values[value], device=self.device) for value in self.graph.inputs}

    def loss(self, values: Mapping[Value, Tensor]) -> Tensor:
        """The sum of all losses by their weights, a scalar; ``values`` come from `run` with ``keep=None``."""
        terms = [values[value].sum() * weight for value, weight in self.loss_weights.items()]
        return torch.stack(terms).sum() if terms else torch.zeros((), device=self.device)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Inputs in the order of ``graph.inputs`` → outputs in the order of ``graph.outputs``."""
        values = self.run(dict(zip(self.graph.inputs, inputs, strict=True)), self.graph.outputs)
        return tuple(values[value] for value in self.graph.outputs)

    def call_layer(
        self, node: Node, bottoms: Sequence[Tensor], overrides: Mapping[str, Function] | None = None
    ) -> tuple[Tensor, ...]:
        """Run one layer of the graph on its bottoms.

        Raises
        ------
        NetError : it fails; the sentence names the layer and the shapes.
        """
        layer = self.layers[node.index]
        function = partial(overrides[node.type], layer) if overrides and node.type in overrides else layer
        return self._call(node, function, bottoms)

    def _call(self, node: Node, function: Function, bottoms: Sequence[Tensor]) -> tuple[Tensor, ...]:
        try:
            tops = function(*bottoms)
        except InputError:
            raise
        except (RuntimeError, ValueError, IndexError) as error:
            shapes = ", ".join(str(tuple(bottom.shape)) for bottom in bottoms)
            on = f" on bottoms of shape {shapes}" if shapes else ""
            raise NetError(f"{node}: cannot run{on}: {str(error).splitlines()[0]}") from error
        return (tops,) if isinstance(tops, Tensor) else tops

    def in_fast_layout(self, tensor: Tensor) -> Tensor:
        """Put the channels of a batch of images last in memory, as torch is fastest on; other tensors stay."""
        if not self._channels_last or tensor.ndim != 4:
            return tensor
        return tensor.contiguous(memory_format=torch.channels_last)

    # -- weights ----------------------------------------------------------------------------------------------------

    def load(self, weights: Weights) -> list[str]:
        """Copy weights into the layers of the same names; the other layers keep theirs.

        Parameters
        ----------
        weights : blobs of every layer, as `prototxt.formats.weights.read_weights` gives them. Old files store a bias of
            N as (1, 1, 1, N); that fits.

        Returns
        -------
        The layers in ``weights`` that this net does not have.

        Raises
        ------
        NetError : a layer has another number of blobs, or a blob another shape; nothing is changed then.
        """
        found = [
            (layer, fitting_blobs(layer.name, layer.type, layer.blob_shapes, weights[layer.name]))
            for layer in self.layers
            if layer.name in weights
        ]
        with torch.no_grad():
            for layer, arrays in found:
                for blob, array in zip(layer.blobs, arrays, strict=True):
                    blob.copy_(_from_numpy(array).reshape(blob.shape))
        names = {layer.name for layer in self.layers}
        return [name for name in weights if name not in names]

    def weights(self) -> Weights:
        """Copies of all parameters, float32, layers and blobs in the net's order (shared ones with every layer)."""
        return {
            layer.name: [layer.blob(i).detach().float().cpu().numpy().copy() for i in range(len(layer.blobs))]
            for layer in self.layers
            if len(layer.blobs)
        }

    # -- internal ---------------------------------------------------------------------------------------------------

    def _make_layers(self, loaded: set[str]) -> tuple[tuple[Layer, ...], Shapes]:
        """Layers without bottoms first: what they deliver (a picture's size) decides the shapes of all others."""
        classes = [LAYERS.find(node.type, f"layer {node.name!r}") for node in self.graph.layers]
        layers: dict[int, Layer] = {}
        delivered: dict[str, Shape] = {}
        for node in self.graph.layers:
            if not node.bottoms:
                source = layers[node.index] = self._make_layer(classes[node.index], node, (), loaded)
                delivered |= {top.blob: shape for top, shape in zip(node.tops, source.top_shapes or (), strict=True)}

        def ask(node: Node, bottom_shapes: Sequence[Shape]) -> Sequence[Shape]:
            made = layers[node.index] = self._make_layer(classes[node.index], node, bottom_shapes, loaded)
            return made.top_shapes or ()

        shapes = infer_shapes(self.graph, delivered, ask)
        for node in self.graph.layers:
            if node.index not in layers:
                bottom_shapes = [shapes.values[value] for value in node.bottoms]
                layers[node.index] = self._make_layer(classes[node.index], node, bottom_shapes, loaded)
        return tuple(layers[node.index] for node in self.graph.layers), shapes

    def _make_layer(
        self, layer_class: type[Layer], node: Node, bottom_shapes: Sequence[Shape], loaded: set[str]
    ) -> Layer:
        seed = None if node.name in loaded else self.seed
        return layer_class.from_param(node.layer, bottom_shapes, self.phase, seed)

    def _plan(self, given: frozenset[Value], wanted: tuple[Value, ...] | None, rule: Rule | None) -> tuple[Step, ...]:
        key = given, wanted, rule
        if key not in self._plans:
            kept = frozenset(self._results() if wanted is None else wanted)
            plan = make_plan(self.graph, self.layers, given, kept, wanted is None, self.net.force_backward)
            self._plans[key] = fuse(plan, self.layers, rule) if rule else plan
        return self._plans[key]

    def _results(self) -> tuple[Value, ...]:
        return tuple(dict.fromkeys((*self.graph.outputs, *self.loss_weights)))

    def _first(self, key: str | Value) -> Value:
        value = Value(key) if isinstance(key, str) else key
        return self._known(value)

    def _last(self, key: str | Value) -> Value:
        return self.graph.value(key) if isinstance(key, str) else self._known(key)

    def _known(self, value: Value) -> Value:
        last = self.graph.value(value.blob)
        if value.version > last.version:
            raise NetError(
                f"blob {value.blob!r} is written {last.version + 1} times; there is no version {value.version}"
            )
        return value

    def _tensor(self, array: Tensor | np.ndarray) -> Tensor:
        if isinstance(array, np.ndarray):
            array = _from_numpy(array)
        return array.to(self.device)


def _from_numpy(array: np.ndarray) -> Tensor:
    """A float32 tensor of the same memory, or of a copy where that is read-only or of another type."""
    return torch.from_numpy(np.require(array, np.float32, ["C", "W"]))


def fitting_blobs(name: str, type: str, shapes: Sequence[Shape], arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Give a layer's weights the shapes of its blobs.

    Raises
    ------
    NetError : they are for another layer; names it.
    """
    if len(arrays) != len(shapes):
        raise NetError(
            f"layer {name!r} ({type}): has {len(shapes)} parameter blobs, but the weights have "
            f"{len(arrays)}; they come from another net"
        )
    for index, (shape, array) in enumerate(zip(shapes, arrays, strict=True)):
        legacy = (1,) * (4 - len(shape)) + shape
        if array.shape not in (shape, legacy):
            raise NetError(
                f"layer {name!r} ({type}): blob {index} has shape {shape}, but the weights have "
                f"{array.shape}; they come from another net: rename the layer to keep its own initial weights"
            )
    return [array.reshape(shape) for array, shape in zip(arrays, shapes, strict=True)]
