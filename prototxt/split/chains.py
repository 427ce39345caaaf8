"""Which layers belong to a layer's filters: the BatchNorm, Scale, Bias and PReLU that learn for each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prototxt.common.errors import NetError
from prototxt.formats.parameter_blobs import learns
from prototxt.formats.schema import LayerParameter, NetParameter, NetState
from prototxt.net.graph import NetGraph, Node
from prototxt.net.layer_types import ACTIVATION_TYPES, LAYER_TYPES, NORMALISATION_TYPES
from prototxt.net.phases import net_state, takes_part


def companions(net: NetParameter, base: int, axis: int) -> tuple[int, ...]:
    """Find the layers that must be split together with a layer.

    These are the layers of its single-consumer chain of BatchNorm, Scale, Bias and an activation, up to the last one
    that learns something for each filter. What follows that (a plain ReLU) can work on the filters together.

    Parameters
    ----------
    net : in all its phases.
    base : place of the layer in ``net.layer``.
    axis : the axis of its top along which its filters lie.

    Returns
    -------
    Places in ``net.layer``, ascending; found in any phase and stage of the net.

    Raises
    ------
    NetError : a layer of a type that nobody knows stands between the filters and what follows: it could learn
        something for each filter, or hide a layer that does.
    """
    found: set[int] = set()
    for state in _states(net):
        places = [place for place, layer in enumerate(net.layer) if takes_part(layer, state)]
        if base not in places:
            continue
        part = NetParameter(layer=[net.layer[place] for place in places])
        try:
            graph = NetGraph(part)
        except NetError:
            continue  # stages that nobody uses together
        chain = list(_chain(graph, graph.layers[places.index(base)], axis))
        while chain and not learns(chain[-1].layer):
            chain.pop()
        found.update(places[node.index] for node in chain)
    return tuple(sorted(found))


def _states(net: NetParameter) -> Iterator[NetState]:
    stages = {stage for layer in net.layer for rule in (*layer.include, *layer.exclude) for stage in rule.stage}
    for phase in ("TRAIN", "TEST"):
        for stage in ("", *sorted(stages)):
            yield net_state(net, phase, stages=(stage,) if stage else ())


def _chain(graph: NetGraph, node: Node, axis: int) -> Iterator[Node]:
    filters = node
    while True:
        readers = graph.consumers(node.tops[0])
        _refuse_unknown(graph, filters, readers)
        if len(readers) != 1 or len(readers[0].bottoms) != 1 or len(readers[0].tops) != 1:
            return
        node = readers[0]
        if node.type not in NORMALISATION_TYPES | ACTIVATION_TYPES or not _per_filter(node.layer, axis):
            return
        yield node
        if node.type in ACTIVATION_TYPES:
            return


def _refuse_unknown(graph: NetGraph, filters: Node, readers: Sequence[Node]) -> None:
    for reader in readers if len(readers) == 1 else ():
        if reader.type not in LAYER_TYPES and any(graph.consumers(top) for top in reader.tops):
            raise NetError(
                f"{reader} stands between the filters of layer {filters.name!r} and what follows, and nothing is known "
                "of its type: it could learn for each filter at a rate of its own, or hide a layer that does; leave "
                f"{filters.name!r} out of the plan, or give all its filters the multiplier 1"
            )


def _per_filter(layer: LayerParameter, axis: int) -> bool:
    """Whether the layer can be cut along the filters (for those without parameters: always)."""
    if layer.type in ("Scale", "Bias"):
        param = layer.scale_param if layer.type == "Scale" else layer.bias_param
        return param.axis == axis and param.num_axes != 0
    if layer.type == "PReLU":
        return axis == 1 and not layer.prelu_param.channel_shared
    return layer.type != "BatchNorm" or axis == 1
