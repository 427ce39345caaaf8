"""Snapshots of a training run: ``<prefix>_iter_<N>.caffemodel`` and ``.solverstate``, or both with ``.h5``."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from prototxt.common import atomic
from prototxt.common.errors import FormatError, NetError
from prototxt.formats.schema import SolverParameter
from prototxt.formats.solverstate import SolverState, read_solverstate, write_solverstate
from prototxt.formats.weights import read_weights, write_weights
from torchcaffe.stored import Stored

log = logging.getLogger(__name__)

FORMATS = {
    SolverParameter.BINARYPROTO: ("", "binary proto"),
    SolverParameter.HDF5: (".h5", "HDF5"),
}
"""File ending and the name in the log, by ``snapshot_format``."""


def write_snapshot(
    solver: SolverParameter, stored: Stored, iteration: int, current_step: int, history: Sequence[Tensor]
) -> tuple[Path, Path]:
    """Write weights and solver state.

    Parameters
    ----------
    solver : its ``snapshot_prefix`` and ``snapshot_format``.
    stored : the net that is trained.
    iteration, current_step : where the solver is.
    history : what the update rule keeps for the net that runs, in Caffe's order.

    Returns
    -------
    The two files.

    Raises
    ------
    FormatError : they cannot be written.
    """
    ending, kind = FORMATS[solver.snapshot_format]
    stem = f"{solver.snapshot_prefix}_iter_{iteration}"
    model, state = Path(f"{stem}.caffemodel{ending}"), Path(f"{stem}.solverstate{ending}")
    log.info("Snapshotting to %s file %s", kind, model)
    write_weights(model, stored.net, stored.weights())
    log.info("Snapshotting solver state to %s file %s", kind, state)
    write_solverstate(state, SolverState(iteration, str(model), current_step, stored.take_apart(history)))
    return model, state


def restore_snapshot(path: Path | str, stored: Stored, history: Sequence[Tensor]) -> tuple[int, int]:
    """Bring a net's weights and a solver's history back to where a snapshot was made.

    The weights are read from the file that the state names; if it is gone from there, from beside the state.

    Returns
    -------
    The iteration and the current step.

    Raises
    ------
    FormatError : a file cannot be read.
    NetError : the state belongs to another net or another solver type; nothing is changed then.
    """
    state = read_solverstate(path)
    blobs = _fitting_history(path, state.history, stored.take_apart(history))
    if state.learned_net:
        model = find_model(path, state.learned_net)
        warn_of_fillers(load_weights(stored, [model]), model)
    with torch.no_grad():
        for tensor, array in zip(history, stored.put_together(blobs), strict=True):
            tensor.copy_(torch.from_numpy(np.ascontiguousarray(array, np.float32)).reshape(tensor.shape))
    return state.iter, state.current_step


def find_model(state: Path | str, learned_net: str) -> Path:
    """The caffemodel of a solver state.

    Raises
    ------
    FormatError : it is neither where the state says nor beside the state.
    """
    places = (Path(learned_net), Path(state).parent / Path(learned_net).name)
    for place in places:
        if place.exists():
            return place
    raise FormatError(
        f"{state}: its weights {learned_net} do not exist, nor {places[1]}; put the caffemodel beside the solverstate"
    )


def load_weights(stored: Stored, paths: Sequence[Path | str]) -> list[str]:
    """Copy weights of files into the layers of the same names, one file after the other.

    Returns
    -------
    The layers that no file holds weights for: they keep what their fillers gave.

    Raises
    ------
    FormatError : a file cannot be read.
    NetError : a blob has another shape than the net's; names the file.
    """
    found: set[str] = set()
    for path in paths:
        weights = read_weights(path, stored.net)
        found.update(weights)
        try:
            ignored = stored.load(weights)
        except NetError as error:
            raise NetError(f"{path}: {error}") from None
        for name in ignored:
            log.info("Ignoring source layer %s", name)
        if weights and len(ignored) == len(weights):
            log.warning("%s has no layer in common with the net; nothing was loaded from it", path)
    return stored.without_weights(found)


def warn_of_fillers(names: Iterable[str], source: object) -> None:
    """Name, in the log, layers that a file of weights left to their fillers."""
    for name in names:
        log.warning("Layer %s has no weights in %s; it keeps what its filler gave", name, source)


def check_writable(prefix: str) -> None:
    """Find out now, not after hours of training, whether snapshots can be written.

    Raises
    ------
    FormatError : they cannot.
    """
    probe = Path(f"{prefix}_iter_0.tempfile")
    atomic.write_bytes(probe, b"")
    probe.unlink()


def _fitting_history(path: Path | str, found: Sequence[np.ndarray], history: Sequence[np.ndarray]) -> list[np.ndarray]:
    if len(found) != len(history):
        raise NetError(
            f"{path}: holds {len(found)} history blobs and this solver keeps {len(history)}; "
            "it is the state of another net or another solver type"
        )
    for index, (array, blob) in enumerate(zip(found, history, strict=True)):
        if array.size != blob.size:
            raise NetError(
                f"{path}: history blob {index} has shape {array.shape}, the parameter {blob.shape}; "
                "it is the state of another net"
            )
    return [array.reshape(blob.shape) for array, blob in zip(found, history, strict=True)]
