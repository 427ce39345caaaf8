"""What a solver's prototxt must say, and what is filled in where it says nothing."""

from __future__ import annotations

import logging
from pathlib import Path

from prototxt.common.errors import NetError
from prototxt.common.names import unknown_name
from prototxt.formats.schema import SolverParameter
from prototxt.formats.text import read_solver
from torchcaffe.gradients import REGULARISERS
from torchcaffe.policies import check_policy
from torchcaffe.solvers import RULES

log = logging.getLogger(__name__)

POSITIVE_FIELDS = ("average_loss", "iter_size")
NOT_NEGATIVE_FIELDS = ("base_lr", "max_iter", "display", "snapshot", "test_interval")
WITHOUT_EFFECT = ("debug_info", "snapshot_diff")


def read_settings(path: Path | str) -> SolverParameter:
    """Read a solver's prototxt, with ``snapshot_prefix`` filled in and checked by `check_settings`.

    Without a ``snapshot_prefix`` it is the file's path without extension; one that is a folder gets the file's name
    (``UpgradeSnapshotPrefixProperty`` of upgrade_proto.cpp).

    Raises
    ------
    FormatError : the file cannot be read.
    NetError : a field has a value that is not allowed.
    """
    solver = read_solver(path)
    if not solver.HasField("snapshot_prefix"):
        solver.snapshot_prefix = str(Path(path).with_suffix(""))
        log.info("snapshot_prefix was not specified and is set to %s", solver.snapshot_prefix)
    elif Path(solver.snapshot_prefix).is_dir():
        solver.snapshot_prefix = str(Path(solver.snapshot_prefix) / Path(path).stem)
        log.info("snapshot_prefix was a directory and is replaced to %s", solver.snapshot_prefix)
    check_settings(solver, str(path))
    return solver


def check_settings(solver: SolverParameter, source: str = "solver") -> None:
    """Refuse what Caffe would abort on, before anything is read.

    Raises
    ------
    NetError : names the field, its value, and what is allowed.
    """
    RULES.find(solver.type, source)
    check_policy(solver, source)
    if solver.regularization_type not in REGULARISERS:
        raise NetError(f"{source}: {unknown_name('regularization_type', solver.regularization_type, REGULARISERS)}")
    for fields, lowest in ((POSITIVE_FIELDS, 1), (NOT_NEGATIVE_FIELDS, 0)):
        for field in fields:
            if getattr(solver, field) < lowest:
                raise NetError(f"{source}: {field} must be at least {lowest}; got {getattr(solver, field):g}")
    if any(iterations < 1 for iterations in solver.test_iter):
        raise NetError(f"{source}: test_iter must be at least 1; got {list(solver.test_iter)}")
    if solver.snapshot and not solver.snapshot_prefix:
        raise NetError(f"{source}: snapshot is given but snapshot_prefix is not; say where snapshots go")
    for field in WITHOUT_EFFECT:
        if getattr(solver, field):
            log.warning("%s has no effect in torchcaffe", field)
