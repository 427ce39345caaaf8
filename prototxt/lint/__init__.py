"""What stock Caffe 1.0 would refuse, or silently compute wrong, in a net or solver that parses."""

from prototxt.common.registry import import_all
from prototxt.lint.check import PHASES, lint_net, lint_solver, warn_net, warn_solver

__all__ = ["PHASES", "lint_net", "lint_solver", "warn_net", "warn_solver"]

import_all(__name__, __path__)
