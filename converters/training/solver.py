"""``solver.prototxt`` of a converted net."""

from __future__ import annotations

from math import ceil

from converters.errors import ConversionError
from converters.training.data import TrainingData
from prototxt.formats.schema import NetParameter, SolverParameter
from prototxt.lint import lint_solver

TEST_BATCHES = 100  # where nobody knows how many pictures there are


def training_solver(net: str, prefix: str, data: TrainingData, trained: NetParameter) -> SolverParameter:
    """Make a solver as Caffe's users begin with for fine-tuning: SGD with momentum, the rate in three steps.

    Parameters
    ----------
    net : name of the training net's file.
    prefix : of the snapshots.
    trained : the training net, for what belongs to both.

    Raises
    ------
    ConversionError : if stock Caffe would refuse it.
    """
    count = data.count()
    solver = SolverParameter(
        net=net,
        test_iter=[ceil(count / data.batch) if count else TEST_BATCHES],
        test_interval=500,
        base_lr=0.001,
        lr_policy="step",
        gamma=0.1,
        stepsize=5000,
        momentum=0.9,
        weight_decay=0.0005,
        display=20,
        max_iter=15000,
        snapshot=5000,
        snapshot_prefix=prefix,
        solver_mode="CPU",
    )
    complaints = lint_solver(solver, trained)
    if complaints:
        raise ConversionError(f"the solver would not load in stock Caffe 1.0: {'; '.join(complaints)}")
    return solver
