"""Caffe's shape rules, one file for each family of layers; every file here is imported, and so registers its rules."""

from prototxt.common.registry import import_all
from prototxt.net.shape_rules.registry import SHAPE_RULES, LayerShapes, Shape

__all__ = ["SHAPE_RULES", "LayerShapes", "Shape"]

import_all(__name__, __path__)
