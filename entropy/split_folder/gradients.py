"""Gradients of the plain and the split net on one batch: equal in both nets and both engines, and none missing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import h5py
import numpy as np

from entropy.errors import CheckError
from entropy.planning.plan import Plan
from entropy.split_folder import real_caffe
from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.formats.weights import Weights
from prototxt.lint.gradients import gradients_pass_flatten
from prototxt.split import merge_weights

TOLERANCE = 0.1
"""Largest distance of two gradients of a blob by their length. Rounding turns a ReLU over here and there, which moves
those of blobs far below: between torchcaffe and real Caffe by 0.2 % in CaffeNet, 0.4 % in GoogLeNet and 2.8 % in
ResNet-50 (4 random pictures). A gradient that is lost is off by 100 %, one that is counted twice by 50 %."""
NEGLIGIBLE = 1e-5
"""Differences below this share of the largest gradient of all blobs (root mean squares) are rounding."""

Batches = Mapping[str, Mapping[str, np.ndarray]]
"""What every data layer delivers, by the names of layer and blob."""


@dataclass(frozen=True)
class Gradients:
    """What was compared in one engine.

    Attributes
    ----------
    engine : "torchcaffe", or "caffe", whose gradients are compared with torchcaffe's too.
    difference : the largest, relative to the gradient's length.
    filters : free filters.
    idle : those of them whose gradient is zero on this batch; they may get one from another.
    """

    engine: str
    difference: float
    filters: int
    idle: int


@dataclass(frozen=True)
class Side:
    """A net that is trained, and its weights, as arrays and as a file."""

    net: NetParameter
    weights: Weights
    file: Path


def refuse_cut_gradients(net: NetParameter, path: Path) -> None:
    """Refuse a net whose gradients stock Caffe does not hand down (BVLC/caffe #6769), whether it is there or not.

    Raises
    ------
    CheckError : naming the layer.
    """
    for finding in gradients_pass_flatten(net):
        raise CheckError(f"{path}: layer {finding.layer!r} {finding.sentence}")


def comparing_gradients(
    folder: Path, plan: Plan, plain: Side, split: Side, caffe: Path | None, seed: int
) -> Iterator[Gradients]:
    """Compare the gradients of the first batch: plain and split net, in torchcaffe and in real Caffe.

    Parameters
    ----------
    folder : from which the data layers' paths are seen.
    plain, split : without dropout.
    caffe : the program; None where it is not asked.

    Raises
    ------
    CheckError : they differ, or none reaches a layer of the plan; names engine and layer.
    """
    from entropy.split_folder import engine

    batches = engine.first_batch(plain.net, folder, seed)
    with tempfile.TemporaryDirectory(prefix="entropy-gradients-") as name:
        sides = [Side(_on_batches(side.net, batches, Path(name)), side.weights, side.file) for side in (plain, split)]
        ours = []
        for side in sides:
            found, cut = engine.gradients(side.net, side.weights, seed)
            _refuse_cut(plan, cut, side.file)
            ours.append(found)
        yield _compared("torchcaffe", plan, *ours)
        if caffe is None:
            return
        theirs = []
        for side, found in zip(sides, ours, strict=True):
            history = real_caffe.first_history(caffe, side.net, side.file, Path(name), seed)
            theirs.append(engine.in_layers(side.net, history, seed))
            _compare("real Caffe", "torchcaffe", theirs[-1], found)
        yield _compared("caffe", plan, *theirs)


def _refuse_cut(plan: Plan, cut: frozenset[str], path: Path) -> None:
    """Refuse layers of the plan that no gradient reaches; one that is 0 on this batch, as of a dead filter, is one."""
    owners = {part.name: layer.layer for layer in plan.split for part in layer.parts}
    for name in sorted(cut):
        if owners.get(name, name) in plan.multipliers:
            raise CheckError(
                f"the net of {path}: no gradient reaches layer {name!r}, so that its free filters would not learn; "
                "look for what cuts it off (propagate_down, a loss_weight of 0)"
            )


def _compared(engine: str, plan: Plan, plain: Weights, split: Weights) -> Gradients:
    merged = merge_weights(split, plan.split)
    filters, idle = 0, 0
    for blobs in merged.values():
        rows = blobs[0].reshape(len(blobs[0]) if blobs[0].ndim else 1, -1)
        free = rows[~np.isnan(rows).all(1)]
        filters, idle = filters + len(free), idle + int((np.nan_to_num(free) == 0).all(1).sum())
    return Gradients(engine, _compare(f"{engine}: the split net", "the plain net", merged, plain), filters, idle)


def _compare(who: str, whom: str, one: Weights, other: Weights) -> float:
    """The largest relative difference; NaN stands where there is nothing to compare."""
    largest = max((_length(blob) for blobs in one.values() for blob in blobs), default=0.0)
    worst = 0.0
    for name in filter(other.__contains__, one):
        for index, (mine, its) in enumerate(zip(one[name], other[name], strict=True)):
            error, length = _length(mine - its), max(_length(mine), _length(its))
            if error <= NEGLIGIBLE * largest:
                continue
            blob = f"blob {index} of layer {name!r}"
            _refuse_lost(who, whom, blob, mine, its)
            _refuse_lost(whom, who, blob, its, mine)
            if not error <= TOLERANCE * length:
                raise CheckError(
                    f"{who} has another gradient of {blob} than {whom}: they differ by {error / length:.1e} of its "
                    "length; this net would not learn what it should"
                )
            worst = max(worst, error / length)
    return worst


def _refuse_lost(who: str, whom: str, blob: str, mine: np.ndarray, its: np.ndarray) -> None:
    lost = _without(mine, its)
    if lost is not None:
        raise CheckError(
            f"{who} gets no gradient for filter {lost} of {blob}, and {whom} does; it would not learn what it should"
        )


def _without(one: np.ndarray, other: np.ndarray) -> int | None:
    """The first filter whose gradient is 0 in one and of the blob's usual size in the other; None if there is none."""
    if one.ndim < 2:
        return None
    mine, its = (each.reshape(len(each), -1) for each in (one, other))
    lengths = np.sqrt(np.mean(np.nan_to_num(its).astype(np.float64) ** 2, axis=1))
    lost = (mine == 0).all(1) & (lengths > TOLERANCE * max(_length(one), _length(other)))
    return int(lost.argmax()) if lost.any() else None


def _length(values: np.ndarray) -> float:
    """The root mean square of what is a number."""
    there = values[~np.isnan(values)].astype(np.float64)
    return float(np.sqrt(np.mean(there**2))) if there.size else 0.0


def _on_batches(net: NetParameter, batches: Batches, folder: Path) -> NetParameter:
    """The net with files of these batches in place of its data layers, and with ``lr_mult`` 1 for all that learns."""
    result = NetParameter()
    result.CopyFrom(net)
    del result.layer[:]
    for layer in net.layer:
        if layer.name in batches:
            result.layer.extend(_file_of(layer, blob, array, folder) for blob, array in batches[layer.name].items())
            continue
        kept = result.layer.add()
        kept.CopyFrom(layer)
        for spec in kept.param:
            spec.lr_mult = 1 if spec.lr_mult else 0
    return result


def _file_of(layer: LayerParameter, blob: str, array: np.ndarray, folder: Path) -> LayerParameter:
    """A layer that delivers one blob of a data layer, always the same, in the phases of that layer."""
    source = folder / f"{sha256(f'{layer.name}/{blob}'.encode()).hexdigest()[:16]}.txt"
    if not source.exists():
        with h5py.File(source.with_suffix(".h5"), "w") as file:
            file[blob] = array
        source.write_text(f"{source.with_suffix('.h5')}\n")
    data = LayerParameter(name=f"{layer.name}/{blob}", type="HDF5Data", top=[blob])
    data.include.extend(layer.include)
    data.exclude.extend(layer.exclude)
    data.hdf5_data_param.source, data.hdf5_data_param.batch_size = str(source), len(array)
    return data
