"""A net with one of its heads alone, as a deploy net that others can open."""

from __future__ import annotations

from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.formats.weights import Weights
from prototxt.net.build import layer
from prototxt.net.graph import NetGraph
from prototxt.net.phases import filter_net

PROB = "prob"


def with_one_head(net: NetParameter, weights: Weights, output: str) -> tuple[NetParameter, Weights]:
    """Leave out whatever does not lead to one blob of class scores, and put a Softmax behind it.

    Parameters
    ----------
    net : with several heads; its TEST net is taken.
    weights : of its layers.
    output : blob of the class scores that stay.

    Returns
    -------
    The net, whose one output is the blob ``prob``, and the weights of its layers.
    """
    test = filter_net(net, "TEST")
    graph = NetGraph(test)
    kept = {node.name for node in graph.ancestors([graph.value(output)])}
    alone = NetParameter(name=net.name)
    alone.layer.extend(_without_rates(each) for each in test.layer if each.name in kept or each.type == "Input")
    alone.layer.append(layer("Softmax", _free_name(kept), output, PROB))
    return alone, {name: blobs for name, blobs in weights.items() if name in kept}


def _without_rates(source: LayerParameter) -> LayerParameter:
    """A layer as it is tested: learning rates and phases are of the training."""
    found = LayerParameter()
    found.CopyFrom(source)
    for field in ("include", "exclude", "propagate_down", "phase"):
        found.ClearField(field)
    for spec in found.param:
        spec.ClearField("lr_mult")
        spec.ClearField("decay_mult")
    if not any(spec.name for spec in found.param):  # weights are shared by name
        found.ClearField("param")
    return found


def _free_name(taken: set[str]) -> str:
    return next(
        name for name in (PROB, *(f"{PROB}_{number}" for number in range(2, len(taken) + 3))) if name not in taken
    )
