"""From a deploy net to a training net for a new task: data in front, a new head, loss and accuracy at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from entropy.errors import PlanError
from entropy.surgery.classifier import like_classifier
from prototxt.formats.schema import FillerParameter, LayerParameter, NetParameter
from prototxt.net.build import layer as make_layer
from prototxt.net.graph import NetGraph, Node, Value
from prototxt.net.phases import filter_net

LOSS, ACCURACY, LABEL = "loss", "accuracy", "label"


@dataclass(frozen=True)
class Head:
    """A new classifier in place of the net's own.

    Parameters
    ----------
    name : of the new layer, and of its blob; no other layer has it, so that Caffe takes no weights for it from the
        source model.
    classes : number of outputs.
    lr_mult : of its weights and of its bias.
    replaces : the classifier that it replaces; by default the net's last InnerProduct or Convolution layer.
    """

    name: str
    classes: int
    lr_mult: tuple[float, float] = (10.0, 20.0)
    replaces: str | None = None


def with_head(deploy: NetParameter, head: Head) -> NetParameter:
    """Replace a deploy net's classifier by a new head; only what leads to the head's output stays.

    Parameters
    ----------
    deploy : with Input layers; left as it is.

    Returns
    -------
    A deploy net whose single output is the head's class scores, before softmax.

    Raises
    ------
    PlanError : there is no classifier to replace, or the name of the head is taken.
    """
    deploy = filter_net(deploy, "TEST")
    graph = NetGraph(deploy)
    classifier = _classifier(graph, head)
    taken = {layer.name for layer in deploy.layer} | {top for layer in deploy.layer for top in layer.top}
    if head.name in taken:
        raise PlanError(f"the net has a layer or blob {head.name!r} already; give the new head another name")
    scores = _scores(graph, classifier)
    needed = {node.index for node in graph.ancestors([scores])}
    result = NetParameter()
    result.CopyFrom(deploy)
    del result.layer[:]
    old, new = classifier.tops[0].blob, head.name
    for node in graph.layers:
        if node.index not in needed:
            continue
        layer = result.layer.add()
        layer.CopyFrom(_new_classifier(classifier.layer, head) if node is classifier else node.layer)
        if node.index > classifier.index:
            layer.bottom[:] = [new if blob == old else blob for blob in layer.bottom]
            layer.top[:] = [new if blob == old else blob for blob in layer.top]
    return result


def training_net(
    net: NetParameter, data: Sequence[LayerParameter], label: str = LABEL, scores: str | None = None
) -> NetParameter:
    """Turn a deploy net into a training net: data layers in place of Input, loss and accuracy behind its output.

    Parameters
    ----------
    net : one Input layer with one top.
    data : layers that make this input and the label.
    scores : the blob of class scores; by default the net's first output.

    Returns
    -------
    A net with a SoftmaxWithLoss and, in the TEST phase, an Accuracy layer.
    """
    scores = scores or NetGraph(net).outputs[0].blob
    result = NetParameter(name=net.name)
    result.layer.extend(data)
    result.layer.extend(layer for layer in net.layer if layer.type != "Input")
    result.layer.append(make_layer("Accuracy", ACCURACY, [scores, label], include=[{"phase": "TEST"}]))
    result.layer.append(make_layer("SoftmaxWithLoss", LOSS, [scores, label]))
    return result


def input_blob(net: NetParameter) -> str:
    """Name of the single input of a deploy net.

    Raises
    ------
    PlanError : there is none, or more than one.
    """
    tops = [top for layer in net.layer if layer.type == "Input" for top in layer.top]
    if len(tops) != 1:
        raise PlanError(
            f"the net has {len(tops)} inputs, where a task of pictures and classes has one; write the train_val net "
            "yourself and pass it instead of the deploy net"
        )
    return tops[0]


def _classifier(graph: NetGraph, head: Head) -> Node:
    if head.replaces is not None:
        return graph.node(head.replaces)
    found = [node for node in graph.unit_layers() if node.type != "Deconvolution"]
    if not found:
        raise PlanError("the net has no InnerProduct or Convolution layer that a new head could replace")
    return found[-1]


def _scores(graph: NetGraph, classifier: Node) -> Value:
    """The value of class scores that the classifier leads to: what a final Softmax reads, or the output."""
    behind = graph.descendants(classifier.tops)
    path = [node for node in (classifier, *behind) if node.type != "Softmax"]
    ends = [value for node in path for value in node.tops if all(r.type == "Softmax" for r in graph.consumers(value))]
    if len(ends) != 1 or any(node.type in ("InnerProduct", "Convolution") for node in path[1:]):
        raise PlanError(
            f"layer {classifier.name!r} does not lead straight to one output of class scores; name the classifier that "
            "the new head replaces"
        )
    return ends[0]


def _new_classifier(classifier: LayerParameter, head: Head) -> LayerParameter:
    filler = FillerParameter(type="gaussian", std=0.01)
    return like_classifier(classifier, head.name, head.classes, head.lr_mult, filler)
