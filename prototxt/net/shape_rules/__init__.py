"""Caffe's shape rules, one file for each family of layers."""

from prototxt.net.shape_rules import arrange, elementwise, inputs, losses, recurrent, reduce, weighted, window
from prototxt.net.shape_rules.registry import SHAPE_RULES, LayerShapes, Shape

__all__ = [
    "SHAPE_RULES",
    "LayerShapes",
    "Shape",
    "arrange",
    "elementwise",
    "inputs",
    "losses",
    "recurrent",
    "reduce",
    "weighted",
    "window",
]
