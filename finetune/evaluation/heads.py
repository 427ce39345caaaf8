"""Where the class scores of a net are, and what they are read from."""

from __future__ import annotations

from finetune.errors import ExperimentError
from prototxt.formats.schema import NetParameter
from prototxt.net.graph import UNIT_TYPES, NetGraph, Value
from prototxt.net.phases import filter_net


def class_scores(net: NetParameter) -> str:
    """The blob of the class scores of a net with one head: its last output, or what a Softmax there reads."""
    graph = NetGraph(filter_net(net, "TEST"))
    producer = graph.producer(graph.outputs[-1])
    return (producer.bottoms[0] if producer.type == "Softmax" else graph.outputs[-1]).blob


def trunk_value(net: NetParameter, scores: str) -> Value:
    """The value that the classifier of some class scores reads: what the trunk says of an image.

    Raises
    ------
    ExperimentError : no layer with weights leads to these scores.
    """
    graph = NetGraph(filter_net(net, "TEST"))
    leading = [node for node in graph.ancestors([graph.value(scores)]) if node.type in UNIT_TYPES]
    if not leading:
        raise ExperimentError(f"no classifier leads to the blob {scores!r} of class scores")
    return leading[-1].bottoms[0]
