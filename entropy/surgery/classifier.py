"""The classifier that a net ends with: which layer it is, what it reads, and one like it for other classes."""

from __future__ import annotations

from entropy.errors import SurgeryError
from prototxt.formats.schema import FillerParameter, LayerParameter
from prototxt.net.graph import NetGraph, Node

CLASSIFIER_TYPES = ("InnerProduct", "Convolution")


def find_classifier(graph: NetGraph, scores: str) -> Node:
    """Find the layer that makes a net's class scores.

    Parameters
    ----------
    scores : the blob of the scores.

    Returns
    -------
    The InnerProduct or Convolution layer from which one path of layers with one bottom each leads to the scores.

    Raises
    ------
    SurgeryError : there is none.
    """
    value = graph.value(scores)
    while True:
        node = graph.producer(value)
        if node.type in CLASSIFIER_TYPES:
            return node
        if len(node.bottoms) != 1:
            raise SurgeryError(
                f"no InnerProduct or Convolution layer leads straight to the class scores {scores!r} ({node} stands "
                "between): name the blobs that the new head reads"
            )
        value = node.bottoms[0]


def classifier_path(graph: NetGraph, classifier: Node, scores: str) -> tuple[Node, ...]:
    """The classifier and what stands between it and the class scores, in order; without a Softmax."""
    path = graph.between(classifier.tops, [graph.value(scores)])
    return (classifier, *(node for node in path if node.type != "Softmax"))


def like_classifier(
    classifier: LayerParameter, name: str, classes: int, rates: tuple[float, float], filler: FillerParameter
) -> LayerParameter:
    """Make a classifier of the same kind for other classes.

    Parameters
    ----------
    name : of the layer and of its blob.
    classes : number of outputs.
    rates : lr_mult of the weights and of the bias; weights decay, a bias does not.
    filler : of the weights; a bias starts with 0.
    """
    layer = LayerParameter()
    layer.CopyFrom(classifier)
    layer.name = name
    layer.top[:] = [name]
    del layer.param[:], layer.blobs[:]
    param = layer.inner_product_param if layer.type == "InnerProduct" else layer.convolution_param
    param.num_output = classes
    param.weight_filler.CopyFrom(filler)
    layer.param.add(lr_mult=rates[0], decay_mult=1)
    if param.bias_term:
        param.bias_filler.CopyFrom(FillerParameter(type="constant", value=0))
        layer.param.add(lr_mult=rates[1], decay_mult=0)
    return layer
