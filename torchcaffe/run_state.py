"""Where a training is in its data and random numbers: ``<prefix>_iter_<N>.runstate.npz``, beside the solver state.

Caffe's own files do not hold it, so a run of Caffe that is resumed begins with the first batch again. With this file,
which Caffe passes over, a run that was stopped and resumed is bit for bit one that was not.
"""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from prototxt.common.atomic import atomic_path
from prototxt.common.errors import FormatError
from torchcaffe.network import Network

log = logging.getLogger(__name__)

SEED = "seed"
BATCHES = "batches"
Arrays = dict[str, np.ndarray]


def run_state_path(state_file: Path | str) -> Path:
    """The file that belongs to a ``.solverstate`` or ``.solverstate.h5``."""
    path = Path(state_file)
    return path.with_name(f"{path.name.partition('.solverstate')[0]}.runstate.npz")


def write_run_state(state_file: Path | str, networks: Sequence[Network], seed: int) -> Path:
    """Write where the nets of a solver are.

    Parameters
    ----------
    state_file : the solver state that it belongs to.
    networks : the training net, then the test nets.
    seed : of the solver.

    Raises
    ------
    FormatError : the file cannot be written.
    """
    arrays = {SEED: np.array(seed)}
    for number, network in enumerate(networks):
        for layer in network.layers:
            arrays |= {f"{number}/{layer.name}/{what}": array for what, array in layer.run_state().items()}
    path = run_state_path(state_file)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return path


def restore_run_state(state_file: Path | str, networks: Sequence[Network], seed: int, first: bool = True) -> None:
    """Go on where the nets of a solver were; says so where that cannot be.

    Without the file (Caffe's own snapshots), with another seed and for layers that are not in it, data begin with the
    first batch, as in Caffe.

    Parameters
    ----------
    first : whether this is the first of the solvers that train together, which wrote the file. The others take their
        places in the data from it, and have random numbers of their own.

    Raises
    ------
    FormatError : the file is damaged, or a layer cannot take its state.
    """
    path = run_state_path(state_file)
    if not path.exists():
        log.info("There is no %s: the data begin with the first batch, as in Caffe", path)
        return
    arrays = _read(path)
    if int(arrays[SEED]) != seed:
        log.warning(
            "%s is of random_seed %d, this run has %d: the data begin with the first batch",
            path,
            arrays[SEED],
            seed,
        )
        return
    for number, network in enumerate(networks):
        for layer in network.layers:
            start = f"{number}/{layer.name}/"
            state = {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
            if not first:
                state = {what: array for what, array in state.items() if what == BATCHES}
            elif not state and layer.run_state():
                log.warning("Layer %s is not in %s: it begins anew", layer.name, path)
            if state:
                _restore(path, layer.name, layer.restore_run_state, state)


def saved_seed(state_file: Path | str) -> int | None:
    """The seed of the run that a solver state is of; None where that is not known.

    Raises
    ------
    FormatError : the file is damaged.
    """
    path = run_state_path(state_file)
    return int(_read(path)[SEED]) if path.exists() else None


def _read(path: Path) -> Arrays:
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        if arrays[SEED].shape == () and arrays[SEED].dtype.kind in "iu":
            return arrays
        reason = "its seed is no whole number"
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0]
    raise FormatError(f"{path}: is no state of a run ({reason}); remove it, and the data begin with the first batch")


def _restore(
    path: Path, layer: str, restore: Callable[[Mapping[str, np.ndarray]], None], state: Mapping[str, np.ndarray]
) -> None:
    try:
        restore(state)
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise FormatError(
            f"{path}: layer {layer!r} cannot go on from what it holds ({str(error).splitlines()[0]}); remove the file, "
            "and the data begin with the first batch"
        ) from error
