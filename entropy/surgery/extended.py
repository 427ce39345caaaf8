"""What all surgery starts from and gives: an old net, and the same net with a new task in it or beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from entropy.errors import SurgeryError
from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.formats.weights import Weights
from prototxt.net.fit import fit_weights
from prototxt.net.graph import NetGraph, Value
from prototxt.net.layer_types import UNIT_TYPES
from prototxt.net.phases import filter_net
from prototxt.net.shapes import Shapes, infer_shapes
from prototxt.split import fill_param_specs

Rates = float | np.ndarray
"""``lr_mult`` of a layer, relative to what its ``param`` messages say: a number, or (units,) of its filters."""


@dataclass(frozen=True, eq=False)
class Extended:
    """A net that serves its old tasks and a new one in one forward pass.

    Parameters
    ----------
    net : deploy net. The old layers come first, in their order and under their names; nothing in them is new but the
        names of parameters that a new layer shares (``param { name }``). No old layer reads a new one.
    weights : of every layer of it. Those of the old layers are the old arrays.
    old_outputs : blobs of the class scores (before any Softmax) of the old heads, the oldest first.
    new_output : the same of the new head.
    rates : of every layer with parameters: 0 where it is frozen, 1 where the new task learns at the rates that the
        layer's ``param`` messages give, (units,) of 0 and 1 where only some of its filters may learn.
    new_layers : names, in the net's order.
    copied_from : new layer to the old layer whose weights it starts with, or shares.
    shared : the new layers that share the parameters of the layer that they are copied from.
    parameters_added : how many numbers the net learns and stores more than the old one; shared ones do not count.
    notes : what a user should know.
    """

    net: NetParameter
    weights: Weights
    old_outputs: tuple[str, ...]
    new_output: str
    rates: Mapping[str, Rates]
    new_layers: tuple[str, ...]
    copied_from: Mapping[str, str] = field(default_factory=dict)
    shared: frozenset[str] = frozenset()
    parameters_added: int = 0
    notes: tuple[str, ...] = ()

    @property
    def multipliers(self) -> dict[str, np.ndarray]:
        """Rates of the filters of layers only some of whose filters learn, as `prototxt.split.split_net` takes them."""
        types = {layer.name: layer.type for layer in self.net.layer}
        partly = {name: rate for name, rate in self.rates.items() if isinstance(rate, np.ndarray)}
        return {name: rate for name, rate in partly.items() if types[name] in UNIT_TYPES}

    @property
    def old_output(self) -> str:
        """Blob of the class scores of the oldest head."""
        return self.old_outputs[0]


@dataclass(frozen=True, eq=False)
class OldNet:
    """A trained net that is to get another task.

    Parameters
    ----------
    net : its deploy net, in the newest form.
    weights : of every layer that has parameters, in the net's order and shapes.
    graph, shapes : of the net.
    notes : what of the given weights is not used.
    """

    net: NetParameter
    weights: Weights
    graph: NetGraph
    shapes: Shapes
    notes: tuple[str, ...] = ()

    @property
    def outputs(self) -> tuple[str, ...]:
        """Blobs of the class scores of every head: what a final Softmax reads, or an output that is none."""
        return tuple(dict.fromkeys(_scores(self.graph, value).blob for value in self.graph.outputs))


@dataclass(eq=False)
class Additions:
    """What is added to an old net.

    Parameters
    ----------
    layers : the new layers, in order; they may read any old blob.
    weights : initial weights of new layers; those of others come from the layers' fillers.
    copied_from : new layer to the old one that its weights come from.
    shared : the new layers that share the parameters of those.
    frozen : further new layers that do not learn.
    notes : for the user.
    """

    layers: list[LayerParameter] = field(default_factory=list)
    weights: Weights = field(default_factory=dict)
    copied_from: dict[str, str] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)
    frozen: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


def open_old(net: NetParameter, weights: Weights) -> OldNet:
    """Look at a net that is to get another task.

    Parameters
    ----------
    net : deploy net (its inputs are Input layers); left as it is. Of phases, TEST.
    weights : its caffemodel's.

    Raises
    ------
    SurgeryError : the weights hold nothing for some layer.
    NetError : the net is none, or the weights are those of another.
    """
    deploy = NetGraph(filter_net(net, "TEST")).net
    if not net.HasField("state"):
        deploy.ClearField("state")
    graph = NetGraph(deploy)
    shapes = infer_shapes(graph)
    fit = fit_weights(shapes.params, weights)
    if fit.missing:
        raise SurgeryError(
            f"the weights hold nothing for layer {fit.missing[0]!r} of the net ({len(fit.missing)} such layers); give "
            "the caffemodel of this net"
        )
    unused = [name for name in fit.extra if weights[name]]
    notes = (f"the net has no layer for these weights, which are left out: {', '.join(unused)}",) if unused else ()
    return OldNet(deploy, fit.weights, graph, shapes, notes)


def extend(old: OldNet, added: Additions, output: str, seed: int = 0) -> Extended:
    """Put new layers behind the old ones.

    Parameters
    ----------
    added : the layers, and what is known of their weights.
    output : blob of the new head's class scores.
    seed : of the fillers of layers without given weights.

    Raises
    ------
    SurgeryError : a name is taken.
    NetError : the layers do not fit the net.
    """
    _refuse_taken(old, added.layers)
    owners = {added.copied_from[name] for name in added.shared}
    net = fill_param_specs(old.net, owners)
    net.layer.extend(added.layers)
    _share_parameters(net, old, added)
    graph = NetGraph(net)
    shapes = infer_shapes(graph)
    new = [layer.name for layer in added.layers]
    given = dict(added.weights) | {name: old.weights[added.copied_from[name]] for name in added.shared}
    weights = fit_weights(shapes.params, old.weights | given | _filled(graph, shapes, new, given, seed)).weights
    statistics = {node.name for node in graph.layers if node.type == "BatchNorm"}
    still = added.shared | added.frozen | statistics
    return Extended(
        net=net,
        weights=weights,
        old_outputs=old.outputs,
        new_output=output,
        rates={name: float(name in new and name not in still) for name in shapes.params},
        new_layers=tuple(new),
        copied_from=dict(added.copied_from),
        shared=frozenset(added.shared),
        parameters_added=sum(
            blob.size for name in new for blob in weights.get(name, ()) if name not in added.shared
        ),
        notes=(*old.notes, *added.notes),
    )  # fmt: skip


def _scores(graph: NetGraph, output: Value) -> Value:
    """What a final Softmax reads; an output that no Softmax makes, or one in place, is the scores itself."""
    node = graph.producer(output)
    return node.bottoms[0] if node.type == "Softmax" and not node.in_place else output


def _refuse_taken(old: OldNet, layers: Iterable[LayerParameter]) -> None:
    names = {layer.name for layer in old.net.layer}
    blobs = {value.blob for value in old.graph.values}
    for layer in layers:
        own = {top for top in layer.top if top not in layer.bottom}
        if layer.name in names or own & blobs:
            taken = layer.name if layer.name in names else min(own & blobs)
            raise SurgeryError(
                f"the net has a layer or blob {taken!r} already; give the new task's head and layers other names"
            )
        names.add(layer.name)
        blobs |= own


def _share_parameters(net: NetParameter, old: OldNet, added: Additions) -> None:
    """Give shared parameters a name, in the old layer and in the new ones: the one thing that changes in old layers."""
    layers = {layer.name: layer for layer in net.layer}
    for name in sorted(added.shared):
        owner = layers[added.copied_from[name]]
        for place in range(len(old.shapes.params[owner.name])):
            spec = owner.param[place] if place < len(owner.param) else owner.param.add()
            spec.name = spec.name or f"{owner.name}_shared{place}"
            if owner.type == "BatchNorm":
                spec.lr_mult = 0  # anything else Caffe refuses, since statistics have no gradient
        del layers[name].param[:]
        layers[name].param.extend(owner.param)


def _filled(graph: NetGraph, shapes: Shapes, new: Iterable[str], given: Weights, seed: int) -> Weights:
    missing = [graph.node(name) for name in new if name in shapes.params and name not in given]
    if not missing:
        return {}
    from entropy.surgery.filling import filled_blobs

    return {
        node.name: filled_blobs(node.layer, [shapes.values[bottom] for bottom in node.bottoms], seed)
        for node in missing
    }
