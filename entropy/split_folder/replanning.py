"""In mid-training: a new plan for a snapshot, its weights and momentum carried over, so that training goes on."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from entropy.errors import PlanError
from entropy.planning.frozen import refuse_clipping
from entropy.planning.learning import what_learns
from entropy.planning.plan import Plan, read_plan
from entropy.split_folder import folder as names
from entropy.split_folder.data_paths import seen_from
from entropy.split_folder.extension_file import ExtensionFile, old_weights, read_extension
from entropy.split_folder.layer_rates import refuse_changes
from entropy.split_folder.merging import check_frozen, put_together
from entropy.split_folder.solver_file import read_choice
from entropy.split_folder.writing import (
    Written,
    in_channels,
    refuse_what_caffe_would,
    without_effect,
    write_nets,
)
from prototxt.common import atomic
from prototxt.formats.schema import NetParameter, SolverParameter
from prototxt.formats.solverstate import SolverState, read_solverstate, write_solverstate
from prototxt.formats.text import read_net, write_message
from prototxt.formats.weights import Weights, read_weights, weights_hash, write_weights
from prototxt.split import Split, merge_state, split_net, split_state, split_weights, without_frozen


def replan(
    folder: Path | str,
    plan: Plan | Path | str,
    snapshot: Path | str,
    *,
    out: Path | str,
    weights: Path | str | None = None,
) -> Written:
    """Write a folder in which the training of another folder goes on with a new plan.

    The snapshot is merged, weights and momentum, and split again by the new plan; iteration and learning rate go on
    where they were. With SGD and Nesterov a filter that becomes frozen loses its momentum, which would carry it on.
    A filter that becomes free starts from the history that it has.

    Parameters
    ----------
    folder : that `entropy.write` (or `replan`) made.
    plan : the new one, made for the weights of the snapshot, or its file.
    snapshot : solver state of the split net; its caffemodel lies beside it.
    out : the new folder.
    weights : the caffemodel that was scanned for the plan, from `entropy.merge`; by default the training net's own
        weights (what `merge` writes without a source net).

    Returns
    -------
    Written : its ``command`` goes on from the solver state in the new folder.

    Raises
    ------
    PlanError : the plan was made for other weights, or ``clip_gradients`` with frozen filters.
    CheckError : the snapshot is of another run.
    NetError, FormatError : a file cannot be read, or does not belong to the net.
    """
    from entropy.split_folder import engine

    folder, out, snapshot = Path(folder), Path(out), Path(snapshot)
    if out.resolve() == folder.resolve():
        raise PlanError(f"{out}: holds the training that goes on; choose another folder for what comes")
    plan = plan if isinstance(plan, Plan) else read_plan(plan)
    old = read_plan(folder / names.PLAN)
    stopped = _read_stopped(folder, old, snapshot)
    whole = stopped.weights
    _check_origin(plan, whole, stopped.model, weights)
    trainer = read_choice(folder / names.SOLVER)
    assert isinstance(trainer, SolverParameter)
    refuse_clipping(trainer, plan, folder / names.SOLVER)
    moved, lists = seen_from(stopped.plain, folder, out.resolve())
    split = split_net(moved, plan.multipliers, in_channels(moved, whole))
    state = _split_state(stopped.state, moved, whole, split, trainer)
    extension = read_extension(folder, names.EXTENSION)
    new = extension.new_layers if extension else ()
    if extension is not None and extension.preserve:
        refuse_changes(plan, {}, new)
    written = Written(
        out,
        plan.model_copy(update={"split": split.layers}),
        moved,
        split,
        [*_notes(folder, old, plan, state.iter), *without_effect(plan, moved)],
        state=names.STATE.format(state.iter),
        learning=what_learns(moved, plan.multipliers, new),
        extension=extension,
        inputs=engine.complete(stopped.plain, "TRAIN", whole, 0, folder).inputs,
    )
    refuse_what_caffe_would(written, trainer)
    _write(written, folder, lists, whole, state, trainer)
    return written


class _Stopped(NamedTuple):
    """The training that goes on, unsplit: its net, weights and momentum, and the caffemodel that they are from."""

    plain: NetParameter
    weights: Weights
    state: SolverState
    model: Path


def _read_stopped(folder: Path, plan: Plan, snapshot: Path) -> _Stopped:
    """Merge a snapshot of the training in a folder, whose plan is given."""
    plain, split = read_net(folder / names.PLAIN_NET), Split(read_net(folder / names.SPLIT_NET), plan.split)
    state = read_solverstate(snapshot)
    model = _model_of(state, snapshot)
    after = read_weights(model, split.net)
    check_frozen(split.net, read_weights(folder / names.SPLIT_WEIGHTS), after, model)
    whole = put_together(after, plan, plain, folder)
    return _Stopped(plain, whole, merge_state(state, split, after, plain), model)


def _model_of(state: SolverState, snapshot: Path) -> Path:
    """The caffemodel of a snapshot: beside the state, where Caffe wrote both."""
    path = snapshot.parent / Path(state.learned_net).name
    if not state.learned_net or not path.is_file():
        raise PlanError(
            f"{snapshot}: its weights {state.learned_net or '(not named in it)'} are not beside it; put the caffemodel "
            "of the same snapshot there"
        )
    return path


def _check_origin(plan: Plan, whole: Weights, model: Path, scanned: Path | str | None) -> None:
    """Refuse a plan that was not made for the weights of the snapshot."""
    weights = whole if scanned is None else read_weights(scanned)
    found = weights_hash(weights)
    if plan.weights_hash and plan.weights_hash != found:
        merged = "" if scanned is not None else " when merged"
        raise PlanError(
            f"{scanned or model}: has the hash {found[:12]}...{merged}, but the plan was made for weights with the "
            f"hash {plan.weights_hash[:12]}...; give the caffemodel that was scanned (weights), or merge the "
            "snapshot, scan it and plan again"
        )
    for name in plan.layers:
        one, other = ([blob.tobytes() for blob in each.get(name, [])] for each in (weights, whole))
        if one != other:
            raise PlanError(
                f"{scanned or model}: its layer {name!r} is not that of the snapshot {model.name}; the plan must be "
                "made for this snapshot: merge it, scan it and plan again"
            )


def _split_state(
    merged: SolverState, plain: NetParameter, whole: Weights, split: Split, trainer: SolverParameter
) -> SolverState:
    from entropy.split_folder import engine

    state = split_state(merged, plain, whole, split, learned_net=names.SPLIT_WEIGHTS)
    if engine.rate_in_history(trainer.type):
        state = without_frozen(state, split.net, split_weights(whole, split.layers))
    return state


def _notes(folder: Path, old: Plan, new: Plan, iteration: int) -> list[str]:
    notes = [f"goes on from iteration {iteration}; the data stay where {folder} has them: take both folders along"]
    dropped = [name for name in old.layers if name not in new.layers]
    if dropped:
        notes.append(f"no longer in the plan, so all their filters learn at the full rate: {', '.join(dropped)}")
    if old.preprocessing_hash and new.preprocessing_hash not in ("", old.preprocessing_hash):
        notes.append("H was measured with another preprocessing than for the plan before; was that meant?")
    was, now = old.multipliers, new.multipliers
    for name in (name for name in now if name in was):
        freed, frozen = ((was[name] == 0) & (now[name] > 0)).sum(), ((was[name] > 0) & (now[name] == 0)).sum()
        if freed or frozen:
            notes.append(f"{name}: {freed} filters become free, {frozen} become frozen")
    return notes


def _write(
    written: Written,
    folder: Path,
    lists: dict[str, str],
    whole: Weights,
    state: SolverState,
    trainer: SolverParameter,
) -> None:
    out = written.folder
    for name, text in lists.items():
        atomic.write_text(out / name, text)
    if (folder / names.DEPLOY).is_file():
        write_message(out / names.DEPLOY, read_net(folder / names.DEPLOY))
    if written.extension is not None:
        _write_extension(out, folder, written.extension, whole)
    write_nets(written, whole, trainer)
    write_solverstate(out / written.state, state)


def _write_extension(out: Path, folder: Path, extension: ExtensionFile, whole: Weights) -> None:
    """The deploy net with both heads, from where the training goes on."""
    start = read_weights(folder / names.DEPLOY_WEIGHTS)
    weights = {name: whole.get(name, blobs) for name, blobs in start.items()}
    hashed = weights_hash(old_weights(weights, extension.new_layers))
    write_weights(out / names.DEPLOY_WEIGHTS, read_net(folder / names.DEPLOY), weights)
    write_message(out / names.SOURCE_NET, read_net(folder / names.SOURCE_NET))
    extension.model_copy(update={"old_hash": hashed}).write(out / names.EXTENSION)
