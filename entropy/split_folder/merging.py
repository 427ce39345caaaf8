"""After training: the weights of a split net as an ordinary caffemodel again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from entropy.errors import CheckError, PlanError
from entropy.planning.learning import Learning, what_learns
from entropy.planning.plan import Plan, read_plan
from entropy.split_folder import folder as names
from entropy.split_folder.extension_file import ExtensionFile, read_extension
from entropy.split_folder.merged_models import (
    MergedModel,
    both_heads,
    refuse_others_files,
    source_and_head,
    training_model,
)
from prototxt.formats.schema import NetParameter
from prototxt.formats.solverstate import read_solverstate, write_solverstate
from prototxt.formats.text import read_net
from prototxt.formats.weights import Weights, read_weights
from prototxt.split import Split, filter_rows, merge_state, merge_weights


@dataclass(frozen=True)
class Change:
    """What training did to the filters of a layer.

    Parameters
    ----------
    layer : its name.
    frozen : number of filters with a rate of 0; their weights are bit-identical to those before training.
    free : number of the other filters.
    moved : how many of those have changed.
    largest : largest absolute change of a weight.
    """

    layer: str
    frozen: int
    free: int
    moved: int
    largest: float


@dataclass(frozen=True)
class Merged:
    """What `merge` wrote.

    Parameters
    ----------
    files : what each file holds, by its path.
    changes : one entry per planned layer.
    learning : every layer of the training net with parameters, and how it learnt.
    notes : what was found equal.
    """

    files: dict[Path, str] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    learning: Sequence[Learning] = ()
    notes: list[str] = field(default_factory=list)


def merge(
    folder: Path | str,
    snapshot: Path | str,
    out: Path | str | None = None,
    *,
    net: Path | str | None = None,
    weights: Path | str | None = None,
    state: Path | str | None = None,
) -> Merged:
    """Put a snapshot of a split net together into ordinary caffemodels.

    Parameters
    ----------
    folder : that `entropy.write` made.
    snapshot : caffemodel of the trained split net.
    out : where the result goes, by default ``merged.caffemodel`` in the folder. With ``net`` and ``weights`` it is the
        source model with its own head on the trained trunk, and the net with the new head goes beside it as
        ``..._head.caffemodel`` (for the folder's ``deploy.prototxt``); without them it is the training net with the
        new head. Where the old net keeps its head, it is the deploy net with both, whose prototxt goes beside it.
    net, weights : the source deploy net and caffemodel that the folder was written from.
    state : solver state of the snapshot; its momentum is put together too, for the plain net.

    Returns
    -------
    Merged : the files written, and what training changed.

    Raises
    ------
    CheckError : a frozen filter changed: the snapshot is of another run.
    PlanError : ``weights`` is not the caffemodel that the plan was made for, or only one of net and weights is given;
        the folder's plan does not say what belongs together; the result would be written over a file of the run, or
        into another run's folder.
    NetError : the snapshot does not belong to the split net.
    """
    folder = Path(folder)
    out = folder / names.MERGED if out is None else Path(out)
    if (net is None) != (weights is None):
        raise PlanError("to give the source model its trained trunk, both its net and its weights are needed")
    plan = read_plan(folder / names.PLAN)
    plain, split = read_net(folder / names.PLAIN_NET), Split(read_net(folder / names.SPLIT_NET), plan.split)
    before, after = read_weights(folder / names.SPLIT_WEIGHTS), read_weights(snapshot)
    check_frozen(split.net, before, after, snapshot)
    whole = put_together(after, plan, plain, folder)
    changes = _changes(plan, plain, put_together(before, plan, plain, folder), whole)
    extension = read_extension(folder, names.EXTENSION)
    if extension is not None:
        models = [_extended(out, folder, extension, whole, net)]
    elif net is not None and weights is not None:
        models = source_and_head(out, folder, plan, (Path(net), Path(weights)), plain, whole)
    else:
        models = [training_model(out, plain, whole)]
    files = {path: what for model in models for path, what in model.files.items()}
    trained, momentum = models[-1].path, None
    target = trained.with_suffix(".solverstate")
    if state is not None:
        momentum = merge_state(read_solverstate(state), split, after, plain, learned_net=str(trained))
        files[target] = f"the solver state of {names.PLAIN_NET} in {folder}"
    refuse_others_files(files, folder, Path(snapshot))
    for model in models:
        model.write()
    if momentum is not None:
        write_solverstate(target, momentum)
    new = extension.new_layers if extension else _not_of(net, plain)
    return Merged(files, changes, what_learns(plain, plan.multipliers, new), _equal_notes(plan, extension))


def _extended(out: Path, folder: Path, extension: ExtensionFile, whole: Weights, net: Path | str | None) -> MergedModel:
    if net is not None:
        raise PlanError(
            f"{folder}: the old net keeps its head there, so the result has both heads; leave out its net and weights"
        )
    return both_heads(out, folder, extension, whole)


def _not_of(source: Path | str | None, plain: NetParameter) -> set[str]:
    """Layers of the training net that the source net has not, where that is known."""
    if source is None:
        return set()
    return {layer.name for layer in plain.layer} - {layer.name for layer in read_net(source).layer}


def _equal_notes(plan: Plan, extension: ExtensionFile | None) -> list[str]:
    notes = ["frozen filters are bit-identical to those before training"] if plan.layers else []
    if extension is not None and extension.preserve:
        notes.append("every layer of the old net is bit-identical to what it was")
    return notes


def put_together(weights: Weights, plan: Plan, plain: NetParameter, folder: Path) -> Weights:
    """Merge weights of the split net of a folder into those of its plain net.

    Raises
    ------
    PlanError : the folder's plan does not say of which layer a part is one; its weights would be lost.
    NetError : the weights are not those of the split net.
    """
    whole = merge_weights(weights, plan.split)
    layers = {layer.name for layer in plain.layer}
    strangers = [name for name in whole if name not in layers]
    if strangers:
        raise PlanError(
            f"{folder / names.PLAN}: split does not say of which layer {strangers[0]!r} is a part, and "
            f"{names.PLAIN_NET} has no layer of that name; undo the change, or make the folder again with: python -m "
            "entropy write"
        )
    return whole


def check_frozen(net: NetParameter, before: Weights, after: Weights, snapshot: Path | str) -> None:
    """Refuse a snapshot whose frozen layers are not those that training started from.

    Parameters
    ----------
    net : the split net.
    before, after : its weights at the start, and in the snapshot.

    Raises
    ------
    CheckError : names the layer.
    """
    for layer in net.layer:
        if not layer.param or any(spec.lr_mult for spec in layer.param):
            continue
        if layer.name in before and not _equal(before[layer.name], after.get(layer.name, [])):
            raise CheckError(
                f"{snapshot}: the frozen layer {layer.name!r} is not bit-identical to {names.SPLIT_WEIGHTS}; the "
                "snapshot is of another run, or training did not start from these weights"
            )


def _equal(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return len(one) == len(other) and all(a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))


def _changes(plan: Plan, net: NetParameter, before: Weights, after: Weights) -> list[Change]:
    layers = {layer.name: layer for layer in net.layer}
    changes = []
    for name, rates in plan.multipliers.items():
        moved, largest = np.zeros(len(rates), bool), 0.0
        rows = (filter_rows(layers[name], weights[name]) for weights in (before, after))
        for first, last in zip(*rows, strict=True):
            difference = np.abs(last - first).reshape(len(rates), -1).max(axis=1)
            moved |= difference > 0
            largest = max(largest, float(difference.max()))
        free = rates > 0
        changes.append(Change(name, int((~free).sum()), int(free.sum()), int(moved[free].sum()), largest))
    return changes
