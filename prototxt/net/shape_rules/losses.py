"""Losses and Accuracy: scalars, with their second tops."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from prototxt.common.errors import NetError
from prototxt.net.graph import Node
from prototxt.net.shape_rules.registry import LayerShapes, Shape, canonical_axis, shape_rule


@shape_rule("SoftmaxWithLoss", bottoms=(2, 2), tops=(1, 2))
def softmax_loss(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow softmax_loss_layer.cpp: the second top holds the probabilities."""
    axis = canonical_axis(node, node.layer.softmax_param.axis, bottoms[0])
    _require_labels(node, bottoms, axis)
    return LayerShapes([(), bottoms[0]][: len(node.tops)])


@shape_rule("InfogainLoss", bottoms=(2, 3), tops=(1, 2))
def infogain_loss(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow infogain_loss_layer.cpp: the second top holds the probabilities, the third bottom the matrix."""
    axis = canonical_axis(node, node.layer.infogain_loss_param.axis, bottoms[0])
    _require_labels(node, bottoms, axis)
    return LayerShapes([(), bottoms[0]][: len(node.tops)])


@shape_rule("HingeLoss", "MultinomialLogisticLoss", bottoms=(2, 2))
def label_loss(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow hinge_loss_layer.cpp and multinomial_logistic_loss_layer.cpp: one label for each item."""
    _require_batch(node, bottoms)
    return LayerShapes([()])


@shape_rule("EuclideanLoss", bottoms=(2, 2))
def euclidean_loss(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow euclidean_loss_layer.cpp: as many numbers for each item on both sides."""
    _require_batch(node, bottoms)
    if prod(bottoms[0][1:]) != prod(bottoms[1][1:]):
        raise NetError(f"{node}: both bottoms must have as many numbers for each item; got {list(bottoms)}")
    return LayerShapes([()])


@shape_rule("SigmoidCrossEntropyLoss", bottoms=(2, 2), tops=(1, 2))
def sigmoid_loss(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow sigmoid_cross_entropy_loss_layer.cpp: a target for each number; the second top holds the sigmoids."""
    _require_batch(node, bottoms)
    if prod(bottoms[0]) != prod(bottoms[1]):
        raise NetError(f"{node}: both bottoms must have as many numbers; got {list(bottoms)}")
    return LayerShapes([(), bottoms[0]][: len(node.tops)])


@shape_rule("ContrastiveLoss", bottoms=(3, 3))
def contrastive_loss(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow contrastive_loss_layer.cpp: two lists of feature vectors and whether they are alike."""
    _require_batch(node, bottoms)
    first, second, alike = bottoms
    if first[1:2] != second[1:2] or prod(first[2:]) != 1 or prod(second[2:]) != 1 or prod(alike[1:]) != 1:
        raise NetError(f"{node}: needs two equal lists of vectors and one number for each pair; got {list(bottoms)}")
    return LayerShapes([()])


@shape_rule("Accuracy", bottoms=(2, 2), tops=(1, 2))
def accuracy(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow accuracy_layer.cpp: the second top holds the accuracy of each class."""
    param = node.layer.accuracy_param
    axis = canonical_axis(node, param.axis, bottoms[0])
    if not 1 <= param.top_k <= prod(bottoms[0]) // max(prod(bottoms[1]), 1):
        raise NetError(f"{node}: top_k must lie between 1 and the number of classes; got {param.top_k}")
    _require_labels(node, bottoms, axis)
    return LayerShapes([(), (bottoms[0][axis],)][: len(node.tops)])


def _require_labels(node: Node, bottoms: Sequence[Shape], axis: int) -> None:
    scores, labels = bottoms[:2]
    if node.type != "Accuracy":
        _require_batch(node, bottoms)
    expected = prod(scores[:axis]) * prod(scores[axis + 1 :])
    if prod(labels) != expected:
        raise NetError(
            f"{node}: needs one label for each prediction, {expected} for scores {scores} with classes along axis"
            f" {axis}; got {labels}"
        )


def _require_batch(node: Node, bottoms: Sequence[Shape]) -> None:
    if not bottoms[0] or bottoms[0][:1] != bottoms[1][:1]:
        raise NetError(f"{node}: both bottoms must have as many items; got {list(bottoms)}")
