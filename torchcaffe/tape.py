"""Forward and backward over a range of layers, on blobs that a program may change in between, as pycaffe allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from prototxt.net.graph import Node, Value
from torchcaffe.blob import Activation
from torchcaffe.network import Network


@dataclass(frozen=True)
class _Record:
    """One layer's last forward pass: bottoms as leaves of autograd, the tops, and the parameters' state after it."""

    leaves: tuple[Tensor, ...]
    tops: tuple[Tensor, ...]
    parameters: tuple[tuple[int, int], ...]


class Tape:
    """Runs single layers between blobs and remembers each, so that backward can begin and end anywhere.

    Gradients flow where Caffe lets them: from losses, or everywhere with ``force_backward``.

    Parameters
    ----------
    network : the engine.
    blobs : where values live; all versions of a blob share one memory, as in Caffe's in-place layers.
    """

    def __init__(self, network: Network, blobs: Mapping[str, Activation]) -> None:
        self._network = network
        self._blobs = blobs
        self._records: dict[int, _Record] = {}
        self._needs_gradient = values_that_need_gradient(network)
        self._given = set(network.graph.inputs)
        self.records_gradients = network.net.force_backward or bool(network.loss_weights)

    def forward(self, index: int) -> float:
        """Run the layer at a place in the net on what its bottoms hold now.

        Returns
        -------
        Its weighted loss, 0 for a layer that is no loss.
        """
        node = self._network.graph.layers[index]
        if node.tops and self._given.issuperset(node.tops):
            return 0.0
        record = self._run(node)
        loss = 0.0
        for value, top in zip(node.tops, record.tops, strict=True):
            self._blobs[value.blob].write(top)
            if value in self._network.loss_weights:
                loss += self._network.loss_weights[value] * float(top.detach().sum())
        return loss

    def backward(self, index: int, written: set[Value]) -> None:
        """Turn the diffs of a layer's tops into those of its bottoms, and add to those of its parameters.

        Parameters
        ----------
        index : place of the layer.
        written : values whose diff this backward pass has set already; theirs are added to.
        """
        node = self._network.graph.layers[index]
        parameters = [blob for blob in self._network.layers[index].blobs if blob.requires_grad]
        flows = any(self._flows(node, place) for place in range(len(node.bottoms)))
        if not self.records_gradients or not (parameters or flows):
            return
        record = self._up_to_date(node)
        bottoms = [(value, leaf) for value, leaf in zip(node.bottoms, record.leaves, strict=True) if leaf.requires_grad]
        gradients = self._gradients(node, record.tops, [*(leaf for _, leaf in bottoms), *parameters])
        if not gradients:
            return
        for (value, _), gradient in zip(bottoms, gradients, strict=False):
            self._blobs[value.blob].write_diff(gradient, add=value in written)
            written.add(value)
        for parameter, gradient in zip(parameters, gradients[len(bottoms) :], strict=True):
            parameter.grad = gradient.clone() if parameter.grad is None else parameter.grad.add_(gradient)

    def _up_to_date(self, node: Node) -> _Record:
        """The layer's last forward pass; a new one where its parameters have changed since."""
        record = self._records.get(node.index)
        if record is None or record.parameters != self._parameter_state(node):
            return self._run(node)
        return record

    def _gradients(self, node: Node, tops: Sequence[Tensor], wanted: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """What the diffs of a layer's tops make of each wanted tensor; nothing where no gradient comes from a top."""
        pairs = [(top, value) for top, value in zip(tops, node.tops, strict=True) if top.requires_grad]
        if not pairs:
            return ()
        return torch.autograd.grad(
            [top for top, _ in pairs],
            wanted,
            [self._blobs[value.blob].diff_tensor().view(top.shape).clone() for top, value in pairs],
            retain_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )

    def _run(self, node: Node) -> _Record:
        self._records.pop(node.index, None)  # let go of its memory first
        with torch.set_grad_enabled(self.records_gradients):
            leaves = tuple(self._leaf(node, place) for place in range(len(node.bottoms)))
            tops = self._network.call_layer(node, leaves)
        record = _Record(leaves, tops, self._parameter_state(node))
        if any(top.requires_grad for top in tops):
            self._records[node.index] = record
        return record

    def _parameter_state(self, node: Node) -> tuple[tuple[int, int], ...]:
        """Changes when a solver, ``copy_from`` or ``share_with`` changes or replaces a parameter."""
        return tuple((id(blob), blob._version) for blob in self._network.layers[node.index].blobs)

    def _leaf(self, node: Node, place: int) -> Tensor:
        value = node.bottoms[place]
        leaf = self._blobs[value.blob].tensor().data
        if any(value.blob == top.blob for top in node.tops):
            leaf = leaf.clone()
        return leaf.requires_grad_(self._flows(node, place))

    def _flows(self, node: Node, place: int) -> bool:
        """Whether a gradient flows into the bottom at a place of a layer."""
        cut = self._network.layers[node.index].cuts_gradient(place, self._network.net.force_backward)
        return self.records_gradients and not cut and node.bottoms[place] in self._needs_gradient


def values_that_need_gradient(network: Network) -> frozenset[Value]:
    """Values on whose way lies something to learn, or all of them with ``force_backward`` (``Net::Init``)."""
    if network.net.force_backward:
        return frozenset(network.graph.values)
    return frozenset(top for node in layers_with_a_way_back(network) for top in node.tops)


def layers_with_a_way_back(network: Network) -> frozenset[Node]:
    """Layers that learn, or hand a gradient down to one that does; ``force_backward`` is not looked at."""
    needing: set[Value] = set()
    found = set()
    for node, layer in zip(network.graph.layers, network.layers, strict=True):
        learns = any(blob.requires_grad for blob in layer.blobs)
        flows = any(value in needing and not layer.cuts_gradient(place) for place, value in enumerate(node.bottoms))
        if learns or flows:
            found.add(node)
            needing.update(node.tops)
    return frozenset(found)


def nodes_under_loss(network: Network) -> frozenset[Node]:
    """Layers that a loss depends on: Caffe hands no gradient down through the other ones (``Net::Init``)."""
    counting, found = set(network.loss_weights), set()
    for node in reversed(network.graph.layers):
        if not counting.isdisjoint(node.tops):
            found.add(node)
            counting.update(node.bottoms)
    return frozenset(found)
