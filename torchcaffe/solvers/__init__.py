"""Update rules of Caffe's six solvers, one file each; every file here is imported, and so registers its rule."""

from prototxt.common.registry import import_all
from torchcaffe.solvers.registry import RULES, Rate, Rule, rule

__all__ = ["RULES", "Rate", "Rule", "rule"]

import_all(__name__, __path__)
