"""What stock Caffe 1.0 would refuse, or silently compute wrong, in a net or solver that parses."""

from prototxt.lint import layers, numbers, solver, wiring  # noqa: F401  # their rules register themselves
from prototxt.lint.check import lint_net, lint_solver, warn_net, warn_solver

__all__ = ["lint_net", "lint_solver", "warn_net", "warn_solver"]
