"""Programs that take Caffe nets, each in a dialect of its own: what they take, and how a net is written for them.

A target is a file ``NAME.toml`` beside this one; see `prototxt.targets.target.Target` for what it says.
"""

from prototxt.common.registry import import_all
from prototxt.targets.check import lint_for
from prototxt.targets.registry import REWRITES, rewrites_for
from prototxt.targets.target import Target, target, target_names

import_all(__name__, __path__)

__all__ = ["REWRITES", "Target", "lint_for", "rewrites_for", "target", "target_names"]
