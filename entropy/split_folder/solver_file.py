"""The solver that trains a split net, and the twin that trains the plain one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from entropy.errors import PlanError
from prototxt.formats.schema import NetParameter, SolverParameter
from prototxt.formats.text import read_solver


@dataclass(frozen=True)
class SolverSettings:
    """How to train; the defaults are those of Caffe's fine-tuning example.

    Parameters
    ----------
    base_lr
        learning rate that every multiplier is applied to.
    max_iter
        iterations.
    lr_policy
        Caffe's policy: fixed, step (by ``gamma`` every ``stepsize``), ...
    gamma
        factor of the policy.
    stepsize
        iterations of a step of the policy.
    momentum, weight_decay
        of SGD.
    type
        SGD, Nesterov, AdaGrad, RMSProp, AdaDelta or Adam.
    iter_size
        batches whose gradients are added up before an update.
    display
        iterations between log lines.
    test_interval
        iterations between tests.
    snapshot
        iterations between snapshots; 0 for one at the end only.
    gpu
        whether Caffe trains on the GPU.
    seed
        of Caffe's random numbers, and of the new head's weights.
    """

    base_lr: float = 0.001
    max_iter: int = 1000
    lr_policy: str = "fixed"
    gamma: float = 0.1
    stepsize: int = 500
    momentum: float = 0.9
    weight_decay: float = 0.0005
    type: str = "SGD"
    iter_size: int = 1
    display: int = 20
    test_interval: int = 100
    snapshot: int = 0
    gpu: bool = False
    seed: int = 1


# What a user may give as solver: settings, a message, or the path of a prototxt.
Solver = SolverSettings | SolverParameter | Path | str

# The fields of a solver that each policy reads beside base_lr.
POLICY_FIELDS = {"fixed": (), "step": ("gamma", "stepsize"), "exp": ("gamma",)}


def make_solver(settings: SolverSettings, net: NetParameter, test_pictures: int | None) -> SolverParameter:
    """Make the solver of a training net, without the names of its files.

    Parameters
    ----------
    net : says the batch size of the TEST phase.
    test_pictures : number of held-out pictures, all of which are tested; None for no test.

    Raises
    ------
    PlanError : a policy that needs fields which the settings do not have.
    """
    if settings.lr_policy not in POLICY_FIELDS:
        raise PlanError(
            f"lr_policy {settings.lr_policy!r} is not among {', '.join(POLICY_FIELDS)}; for others give a solver file"
        )
    solver = SolverParameter(
        base_lr=settings.base_lr,
        lr_policy=settings.lr_policy,
        max_iter=settings.max_iter,
        weight_decay=settings.weight_decay,
        display=settings.display,
        snapshot=settings.snapshot,
        solver_mode="GPU" if settings.gpu else "CPU",
        random_seed=settings.seed,
    )
    for field in POLICY_FIELDS[settings.lr_policy]:
        setattr(solver, field, getattr(settings, field))
    if settings.type in ("SGD", "Nesterov", "Adam", "AdaDelta"):
        solver.momentum = settings.momentum
    if settings.type != "SGD":
        solver.type = settings.type
    if settings.iter_size != 1:
        solver.iter_size = settings.iter_size
    if test_pictures:
        batch = next(
            layer.image_data_param.batch_size
            for layer in net.layer
            if layer.type == "ImageData" and any(rule.phase for rule in layer.include)
        )
        solver.test_iter.append(math.ceil(test_pictures / batch))
        solver.test_interval = settings.test_interval
    return solver


def read_choice(solver: Solver | None) -> SolverSettings | SolverParameter:
    """Read a user's solver without the files that it names: nets, weights and snapshot prefix are set by `write`.

    Parameters
    ----------
    solver : settings, which stay as they are; a message, or a prototxt; None for default settings.

    Raises
    ------
    FormatError : the prototxt cannot be read.
    """
    if solver is None or isinstance(solver, SolverSettings):
        return solver or SolverSettings()
    result = SolverParameter()
    result.CopyFrom(solver if isinstance(solver, SolverParameter) else read_solver(solver))
    for field in ("net", "net_param", "train_net", "train_net_param", "test_net", "test_net_param", "weights"):
        result.ClearField(field)
    return result


def filler_seed(chosen: SolverSettings | SolverParameter) -> int:
    """Seed of the weights of new layers: the solver's, or the default where it has none."""
    if isinstance(chosen, SolverSettings):
        return chosen.seed
    return chosen.random_seed if chosen.random_seed >= 0 else SolverSettings.seed


def training_solver(
    chosen: SolverSettings | SolverParameter, net: NetParameter, test_pictures: int | None, *, tested: bool
) -> SolverParameter:
    """Make the solver of a training net from what the user chose.

    Parameters
    ----------
    net, test_pictures : as in `make_solver`.
    tested : whether the net has a TEST phase; without one, Caffe could not build the net that a solver would test.
    """
    if isinstance(chosen, SolverSettings):
        return make_solver(chosen, net, test_pictures)
    result = SolverParameter()
    result.CopyFrom(chosen)
    if not tested:
        for field in ("test_iter", "test_interval", "test_state"):
            result.ClearField(field)
    return result


def solver_named(solver: SolverParameter, net: str, prefix: str) -> SolverParameter:
    """Copy a solver with the names of its net and its snapshots."""
    result = SolverParameter(net=net)
    result.MergeFrom(solver)
    result.snapshot_prefix = prefix
    return result
