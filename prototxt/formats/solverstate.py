"""Snapshots of a solver: ``.solverstate`` (protobuf) and ``.solverstate.h5``.

Source: SGDSolver::SnapshotSolverState… and RestoreSolverState… in Caffe's ``sgd_solver.cpp``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from prototxt.common import atomic
from prototxt.common.errors import FormatError
from prototxt.formats import schema, wire
from prototxt.formats.blob import blob_at, encode_blob
from prototxt.formats.file_kinds import is_hdf5, open_binary, refuse_large

_HISTORY = schema.SolverState.HISTORY_FIELD_NUMBER


@dataclass
class SolverState:
    """Where a solver stands between two iterations.

    ``history`` has one float32 array a learnable parameter, in the net's order (momentum, or what the method keeps);
    AdaDelta and Adam have two, the second of all parameters after the first of all. ``learned_net`` is the path of the
    weights of the same snapshot, as it was written.
    """

    iter: int
    learned_net: str = ""
    current_step: int = 0
    history: list[np.ndarray] = field(default_factory=list)


def read_solverstate(path: Path | str) -> SolverState:
    """Read a solver's state, binary or HDF5 (told apart by content), blobs of old and new form.

    Raises
    ------
    FormatError : if the file is missing, truncated, or no solver state.
    """
    if is_hdf5(path, "a .solverstate"):
        return _read_hdf5(path)
    data = open_binary(path, "a .solverstate")
    rest, history = bytearray(), []
    try:
        for each in wire.fields(data, 0, len(data)):
            if each.number == _HISTORY and each.kind == wire.LEN:
                history.append(blob_at(data, each.start, each.stop))
            else:
                rest += data[each.tag : each.stop]
        state = wire.decode(schema.SolverState, bytes(rest))
    except wire.WireError as error:
        raise FormatError(f"{path}: is truncated or no .solverstate ({error}); copy or make it again") from None
    if not state.HasField("iter"):
        raise FormatError(f"{path}: holds no iteration number, so it is no .solverstate; give the file of a snapshot")
    return SolverState(state.iter, state.learned_net, state.current_step, history)


def write_solverstate(path: Path | str, state: SolverState) -> None:
    """Write a solver's state, whole or not at all; HDF5 if ``path`` ends in ``.h5``.

    Raises
    ------
    FormatError : if a ``.solverstate`` would pass the 2 GiB that Caffe can read, or the place cannot be written to.
    """
    if Path(path).suffix == ".h5":
        with atomic.atomic_path(path) as temporary:
            _write_hdf5(temporary, state)
        return
    blobs = [(encode_blob(_HISTORY, array), np.asarray(array, "<f4", order="C")) for array in state.history]
    refuse_large(path, sum(len(before) + array.nbytes + len(after) for (before, after), array in blobs))
    head = schema.SolverState(iter=state.iter, learned_net=state.learned_net).SerializeToString(deterministic=True)
    tail = schema.SolverState(current_step=state.current_step).SerializeToString(deterministic=True)
    with atomic.atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(head)
        for (before, after), array in blobs:
            file.write(before)
            file.write(array.data)
            file.write(after)
        file.write(tail)


def _read_hdf5(path: Path | str) -> SolverState:
    try:
        with h5py.File(path, "r") as file:
            learned_net = file["learned_net"][()] if "learned_net" in file else b""
            group = file["history"]
            history = [np.asarray(group[str(index)], np.float32) for index in range(len(group))]
            return SolverState(
                int(np.asarray(file["iter"]).item()),
                learned_net.decode() if isinstance(learned_net, bytes) else str(learned_net),
                int(np.asarray(file["current_step"]).item()) if "current_step" in file else 0,
                history,
            )
    except KeyError as error:
        raise FormatError(f"{path}: is no .solverstate.h5 ({error}); give the file of a snapshot") from None
    except (OSError, RuntimeError, ValueError) as error:
        raise FormatError(f"{path}: is truncated or damaged HDF5 ({error}); copy or make it again") from None


def _write_hdf5(path: Path, state: SolverState) -> None:
    with h5py.File(path, "w") as file:
        # Caffe reads the numbers as one-element arrays and the name as a string of fixed length.
        file["iter"] = np.array([state.iter], np.int32)
        file["learned_net"] = np.bytes_(state.learned_net.encode() + b"\0")
        file["current_step"] = np.array([state.current_step], np.int32)
        history = file.create_group("history")
        for index, array in enumerate(state.history):
            history.create_dataset(str(index), data=np.asarray(array, "<f4"))
