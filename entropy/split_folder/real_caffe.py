"""Runs one iteration of real Caffe, where it is installed."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection
from pathlib import Path

import numpy as np

from entropy.errors import CheckError
from prototxt.common.errors import CaffeError
from prototxt.common.real_caffe import last_words, lines_of
from prototxt.formats.schema import NetParameter, SolverParameter
from prototxt.formats.solverstate import read_solverstate
from prototxt.formats.text import read_solver, write_message

_LOSS = re.compile(r"Iteration 0(?: \([^)]*\))?, loss = (\S+)")
_IGNORED = re.compile(r"Ignoring source layer (\S+)")


def first_loss(
    caffe: Path, net: NetParameter, weights: Path, learned: Collection[str], folder: Path, seed: int
) -> float:
    """Run ``caffe train`` for one iteration at learning rate 0.

    Parameters
    ----------
    net : the training net.
    weights : its caffemodel.
    learned : layers of it that hold blobs.
    folder : where Caffe is started; the data layers' paths are seen from there.

    Returns
    -------
    The loss of the first batch, with the six digits that Caffe prints.

    Raises
    ------
    CheckError : Caffe fails (with its last line), or takes no notice of a layer of the weights.
    """
    with tempfile.TemporaryDirectory(prefix="entropy-check-") as temporary:
        solver = _write_solver(Path(temporary), net, seed)
        try:
            log = "".join(lines_of([caffe, "train", "-solver", solver, "-weights", weights.resolve()], folder))
        except CaffeError as error:
            raise CheckError(f"caffe train failed on {weights.name}: {error}") from error
    ignored = [name for name in _IGNORED.findall(log) if name in learned]
    if ignored:
        raise CheckError(f"real Caffe ignores layer {ignored[0]!r} of {weights}: the net has no layer of that name")
    found = _LOSS.search(log)
    if not found:
        raise CheckError(f"caffe train logged no loss on {weights.name}; its last words: {last_words(0, log)}")
    return float(found[1])


def first_history(caffe: Path, net: NetParameter, weights: Path, place: Path, seed: int) -> list[np.ndarray]:
    """Run ``caffe train`` for one iteration of plain SGD at rate 1: its history is the gradient, to the bit.

    Parameters
    ----------
    net : the training net, every ``lr_mult`` of which is 0 or 1.
    weights : its caffemodel.
    place : an empty folder, or one that this wrote into before.

    Returns
    -------
    The gradient of every learnable parameter, in Caffe's order; zeros where ``lr_mult`` is 0.

    Raises
    ------
    CheckError : Caffe fails (with its last line).
    """
    solver = _write_solver(place, net, seed)
    param = read_solver(solver)
    param.base_lr, param.snapshot_after_train, param.snapshot_prefix = 1, True, str(place / "gradients")
    write_message(solver, param)
    try:
        for _ in lines_of([caffe, "train", "-solver", solver, "-weights", weights.resolve()], place):
            pass
    except CaffeError as error:
        raise CheckError(f"caffe train failed on the gradients of {weights.name}: {error}") from error
    return read_solverstate(place / "gradients_iter_1.solverstate").history


def _write_solver(place: Path, net: NetParameter, seed: int) -> Path:
    """Write a solver of one iteration at learning rate 0, and its net."""
    write_message(place / "net.prototxt", net)
    solver = SolverParameter(
        net=str(place / "net.prototxt"),
        base_lr=0,
        lr_policy="fixed",
        max_iter=1,
        display=1,
        random_seed=seed,
        solver_mode="CPU",
        snapshot_after_train=False,
    )
    write_message(place / "solver.prototxt", solver)
    return place / "solver.prototxt"
