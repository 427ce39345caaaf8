"""Pycaffe's solvers: `torchcaffe.solver.Solver` by type, where a user's layers raise their own exceptions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import torch
from google.protobuf.message import Message

from prototxt.formats.schema import SolverParameter
from torchcaffe.pycaffe.messages import as_ours
from torchcaffe.pycaffe.users_errors import users_errors
from torchcaffe.scores import MeanScores
from torchcaffe.solver import Solver
from torchcaffe.solver_settings import read_settings


class SGDSolver(Solver):
    """Stochastic gradient descent with momentum, whatever ``type`` in the prototxt says; as `Solver`."""

    type: ClassVar[str | None] = "SGD"

    @users_errors()
    def __init__(
        self, param: Message | Path | str, device: torch.device | str | None = None, *, join: bool = False
    ) -> None:
        super().__init__(as_ours(param, SolverParameter) if isinstance(param, Message) else param, device, join=join)

    @users_errors()
    def step(self, iterations: int) -> None:
        """Make ``iterations`` updates, with the tests, log lines and snapshots that fall due."""
        super().step(iterations)

    @users_errors()
    def solve(self, resume_file: Path | str | None = None) -> None:
        """Train from where the solver is to ``max_iter``, and write the last snapshot; as `Solver.solve`."""
        super().solve(resume_file)

    @users_errors()
    def test_all(self) -> list[MeanScores]:
        """Test all test nets in turn; as `Solver.test_all`."""
        return super().test_all()

    def add_callback(self, on_start: Any, on_gradients_ready: Callable[[], object] | None = None) -> None:
        """Call back before every forward pass of training, and before every update.

        Parameters
        ----------
        on_start, on_gradients_ready : functions; or one object that has both as methods, such as `caffe.NCCL`.
        """
        if on_gradients_ready is None:
            super().add_callback(on_start.on_start, on_start.on_gradients_ready)
        else:
            super().add_callback(on_start, on_gradients_ready)


class NesterovSolver(SGDSolver):
    """Nesterov's accelerated gradient."""

    type = "Nesterov"


class AdaGradSolver(SGDSolver):
    """AdaGrad."""

    type = "AdaGrad"


class RMSPropSolver(SGDSolver):
    """RMSProp."""

    type = "RMSProp"


class AdaDeltaSolver(SGDSolver):
    """AdaDelta."""

    type = "AdaDelta"


class AdamSolver(SGDSolver):
    """Adam."""

    type = "Adam"


SOLVERS: dict[str, type[SGDSolver]] = {
    str(solver.type): solver
    for solver in (SGDSolver, NesterovSolver, AdaGradSolver, RMSPropSolver, AdaDeltaSolver, AdamSolver)
}
"""Solver classes by Caffe's type string."""


def get_solver(path: Path | str) -> SGDSolver:
    """Pycaffe's ``caffe.get_solver``: the solver of the type that a prototxt names.

    Raises
    ------
    FormatError, NetError : as `Solver`.
    """
    param = read_settings(path)
    return SOLVERS[param.type](param)
