"""Writes the folder that stock Caffe trains in: split net, its weights, solver, and the plain twins to compare with."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from entropy.errors import PlanError
from entropy.planning.frozen import refuse_clipping, with_global_statistics
from entropy.planning.learning import Learning, what_learns
from entropy.planning.plan import Plan, read_plan
from entropy.planning.spread import odd_spread
from entropy.planning.without_table import plan_of_rates, with_rates_of
from entropy.split_folder import folder as names
from entropy.split_folder.cost import StepCost, step_cost
from entropy.split_folder.data_layers import MEAN_FILE
from entropy.split_folder.extension import Extension
from entropy.split_folder.extension_file import ExtensionFile
from entropy.split_folder.layer_rates import layer_rates, refuse_changes
from entropy.split_folder.parts import Parts, Source, as_it_is, with_extension, with_replaced_head
from entropy.split_folder.solver_file import Solver, filler_seed, read_choice, solver_named, training_solver
from entropy.split_folder.task import Task
from entropy.split_folder.task_data import TaskData
from entropy.surgery.extended import Extended
from entropy.surgery.rates import with_rates
from prototxt.common import atomic
from prototxt.common.errors import InputError
from prototxt.common.progress import Progress, at_once
from prototxt.formats.blob import write_blob
from prototxt.formats.schema import NetParameter, SolverParameter
from prototxt.formats.text import read_net, write_message
from prototxt.formats.weights import Weights, read_weights, weights_hash, write_weights
from prototxt.lint import lint_net, lint_solver
from prototxt.split import Split, split_net, split_weights


@dataclass(frozen=True)
class Written:
    """What `write` made.

    Parameters
    ----------
    folder : where the files are.
    plan : with ``split`` filled in.
    plain, split : the training nets.
    notes : what the user should know.
    state : name of the solver state that training goes on from; empty where it starts from the weights.
    inputs : shapes of what the data layers deliver in training.
    learning : every layer of the plain net with parameters, and how it learns.
    extension : where the old net keeps its head: what is old and new in the deploy net.
    """

    folder: Path
    plan: Plan
    plain: NetParameter
    split: Split
    notes: list[str] = field(default_factory=list)
    state: str = ""
    inputs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    learning: Sequence[Learning] = ()
    extension: ExtensionFile | None = None

    @property
    def costs(self) -> tuple[StepCost, StepCost]:
        """What a training step of the plain and of the split net is estimated to cost."""
        return step_cost(self.plain, self.inputs), step_cost(self.split.net, self.inputs)

    @property
    def command(self) -> str:
        """The one command that trains on a machine with stock Caffe."""
        start = f"-snapshot {self.state}" if self.state else f"-weights {names.SPLIT_WEIGHTS}"
        return f"cd {shlex.quote(str(self.folder))} && caffe train -solver {names.SOLVER} {start}"


def writing(
    plan: Plan | Path | str | None,
    net: Path | str,
    weights: Path | str,
    solver: Solver | None = None,
    *,
    out: Path | str = "run",
    task: Task | None = None,
    extension: Extension | None = None,
    rates: Mapping[str, float] | None = None,
    bias_lr: float = 2.0,
    bias_decay: float = 0.0,
) -> Generator[Progress, None, Written]:
    """Write a folder in which stock Caffe trains every filter at its own rate.

    Beside the split net, its weights and its solver there are the plain (unsplit) net with the same head, the same
    data and the same initial weights, for `check` and for plain fine-tuning.

    Parameters
    ----------
    plan : from `entropy.plan`, or its file; None where only ``extension`` and ``rates`` say what learns.
    net, weights : the deploy net and caffemodel that the plan was made for; or, without a task, a train_val net as it
        is (relative paths in it hold from the current folder).
    solver : how to train: settings, a solver's message or prototxt (the nets and the snapshot prefix in it are
        replaced); by default `SolverSettings` as they are.
    out : the folder; made when missing, files in it are replaced.
    task : the new task; needed for a deploy net. Its head takes the place of the old one;
    extension : unless this says that the old net keeps its head, and what the new task gets in it or beside it. Then
        layers that neither plan nor ``rates`` name are frozen.
    rates : multiplier of layers that the plan does not name; without ``extension`` all others learn at the full rate.
    bias_lr, bias_decay : lr_mult and decay_mult of biases about which the net says nothing.

    Raises
    ------
    PlanError : the plan is for other weights, the weights are not the net's, a picture is missing, ``clip_gradients``
        with frozen filters, something would change an old net that is to be preserved, ...
    SurgeryError : the net cannot be extended so.
    NetError, FormatError : a file cannot be read, or the net cannot be split.
    """
    if plan is None and extension is None and not rates:
        raise PlanError("nothing says what learns: give a plan, rates of layers, or what the new task gets of its own")
    given = read_plan(plan) if isinstance(plan, Path | str) else plan
    out, chosen, rates = Path(out), read_choice(solver), rates or {}
    source = Source(read_net(net), read_weights(weights), Path(net), weights)
    if given is not None:
        _check_origin(given, source)
    parts = _parts(source, out, task, extension, filler_seed(chosen))
    made = _with_freed(given, source, parts.extended)
    _check_belongs(made, source)
    plain, moving = _rated(parts, made, rates, extension, bias_lr, bias_decay)
    split = split_net(plain, made.multipliers, in_channels(plain, parts.weights))
    pictures = parts.data.test_pictures if parts.data else None
    trainer = training_solver(chosen, plain, pictures, tested=task is None or task.test_images is not None)
    solver_file = solver if isinstance(solver, str | Path) else None
    refuse_clipping(trainer, made, solver_file or "the solver")
    lists = [task.images, task.test_images] if task and parts.data and parts.data.copies else []
    _refuse_overwriting(out, parts, net, weights, solver_file, *lists)
    written = Written(
        folder=out,
        plan=made.model_copy(update={"split": split.layers}),
        plain=plain,
        split=split,
        notes=[*parts.notes, *_moving_notes(moving), *odd_spread(made, parts.net), *without_effect(made, plain)],
        inputs=parts.inputs,
        learning=what_learns(plain, made.multipliers, _new_layers(parts, source)),
        extension=ExtensionFile.of(parts.extended, extension) if extension and parts.extended else None,
    )
    yield from _writing_files(written, parts, source, trainer)
    return written


write = at_once(writing)
"""`writing` at once: ``write(plan, net, weights, out=folder)`` gives what was written."""


def _parts(source: Source, out: Path, task: Task | None, extension: Extension | None, seed: int) -> Parts:
    if task is None and extension is not None:
        raise PlanError("to put a new task into the old net or beside it, give the task: its pictures and its head")
    if task is None:
        return as_it_is(source, out, seed)
    if extension is None:
        return with_replaced_head(source, out, task, seed)
    return with_extension(source, out, task, extension, seed)


def _with_freed(plan: Plan | None, source: Source, extended: Extended | None) -> Plan:
    """The plan, and a rate of 1 for filters that are freed."""
    freed = extended.multipliers if extended else {}
    if plan is not None:
        return with_rates_of(plan, freed)
    formula = "1 for freed filters, else 0" if freed else "no filter has a rate of its own"
    return plan_of_rates(freed, weights_hash(source.weights), formula)


def _rated(
    parts: Parts, plan: Plan, rates: Mapping[str, float], extension: Extension | None, bias_lr: float, bias_decay: float
) -> tuple[NetParameter, list[str]]:
    """The training net with the rates of whole layers; and its BatchNorm layers that were made to stand still."""
    plain, moving = with_global_statistics(parts.net)
    own = layer_rates(plain, plan, rates, parts.extended)
    if parts.extended is not None and extension is not None and extension.preserve:
        refuse_changes(plan, rates, parts.extended.new_layers)
    return with_rates(plain, own, bias_lr=bias_lr, bias_decay=bias_decay), moving


def without_effect(plan: Plan, plain: NetParameter) -> list[str]:
    """Say which rates of a plan do nothing, since the net itself does not let the layer learn."""
    still = {layer.name for layer in plain.layer if layer.param and not any(spec.lr_mult for spec in layer.param)}
    names = [name for name, rates in plan.multipliers.items() if name in still and (rates > 0).any()]
    return [f"the net gives {', '.join(names)} a rate of 0, so the plan's rates do nothing there"] if names else []


def _moving_notes(moving: Sequence[str]) -> list[str]:
    if not moving:
        return []
    return [f"{len(moving)} BatchNorm layers use their stored statistics, so that frozen filters stay"]


def _new_layers(parts: Parts, source: Source) -> set[str]:
    return set(parts.weights) - {layer.name for layer in source.net.layer}


def _refuse_overwriting(out: Path, parts: Parts, *inputs: Path | str | None) -> None:
    written = [*names.WEIGHTS_AND_NETS, names.SOLVER, names.PLAIN_SOLVER, *parts.texts]
    written += names.OF_EXTENSION if parts.extended else []
    for path in inputs:
        if path is not None and Path(path).resolve() in [(out / name).resolve() for name in written]:
            raise PlanError(
                f"{path}: would be overwritten, since {out} is where the result goes; choose another folder"
            )


def _check_origin(plan: Plan, source: Source) -> None:
    found = weights_hash(source.weights)
    if plan.weights_hash and plan.weights_hash != found:
        raise PlanError(
            f"{source.weights_path}: has the hash {found[:12]}..., but the plan was made for weights with the hash "
            f"{plan.weights_hash[:12]}...; scan these weights and plan again, or give the weights that were scanned"
        )


def _check_belongs(plan: Plan, source: Source) -> None:
    known = {layer.name for layer in source.net.layer}
    strangers = [name for name in plan.layers if name not in known]
    if strangers:
        raise PlanError(
            f"{source.net_path}: has no layer {strangers[0]!r}, for which the plan has rates; it is another net"
        )
    missing = [name for name in plan.layers if name not in source.weights]
    if missing:
        raise PlanError(
            f"{source.weights_path}: holds no weights for layer {missing[0]!r} of {source.net_path}; it belongs to "
            "another net"
        )


def in_channels(net: NetParameter, weights: Weights) -> dict[str, int]:
    """Channels of the bottom of every grouped convolution, from the shape of its weights."""
    found = {}
    for layer in net.layer:
        if layer.convolution_param.group > 1 and layer.name in weights:
            shape = weights[layer.name][0].shape
            found[layer.name] = shape[0] if layer.type == "Deconvolution" else shape[1] * layer.convolution_param.group
    return found


def _writing_files(
    written: Written, parts: Parts, source: Source, trainer: SolverParameter
) -> Generator[Progress, None, None]:
    out, data = written.folder, parts.data
    refuse_what_caffe_would(written, trainer)
    if data is not None:
        yield from writing_pixels(out, data)
    for name, text in parts.texts.items():
        atomic.write_text(out / name, text)
    if parts.deploy is not None:
        write_message(out / names.DEPLOY, parts.deploy)
    for name in names.OF_EXTENSION:  # of an earlier folder, which this one takes the place of
        (out / name).unlink(missing_ok=True)
    if parts.extended is not None and written.extension is not None:
        write_message(out / names.SOURCE_NET, source.net)
        write_weights(out / names.DEPLOY_WEIGHTS, parts.extended.net, parts.extended.weights)
        written.extension.write(out / names.EXTENSION)
    write_nets(written, parts.weights, trainer)


def writing_pixels(out: Path, data: TaskData) -> Generator[Progress, None, None]:
    """Copy pictures that are to be copied, and write the mean image."""
    from entropy.split_folder.pictures import copying_pictures

    for name, pictures in data.copies.items():
        yield from copying_pictures(pictures, out, name, data.preprocessing)
    if data.pixels.mean_image is not None:
        write_blob(out / MEAN_FILE, data.pixels.mean_image)


def refuse_what_caffe_would(written: Written, trainer: SolverParameter) -> None:
    """Refuse nets and a solver that stock Caffe would not take, before anything is written."""
    complaints = [*lint_net(written.plain), *lint_net(written.split.net), *lint_solver(_solvers(trainer)[names.SOLVER])]
    if complaints:
        raise InputError(f"stock Caffe would not take the result: {complaints[0]}")


def write_nets(written: Written, weights: Weights, trainer: SolverParameter) -> None:
    """Write the split and the plain net, each with its weights and its solver, and the plan.

    Parameters
    ----------
    written : says where, and what.
    weights : of the plain net.
    trainer : without the names of files.
    """
    out, split = written.folder, written.split
    write_message(out / names.PLAIN_NET, written.plain)
    write_message(out / names.SPLIT_NET, split.net)
    write_weights(out / names.PLAIN_WEIGHTS, written.plain, weights)
    write_weights(out / names.SPLIT_WEIGHTS, split.net, split_weights(weights, split.layers))
    for name, solver in _solvers(trainer).items():
        write_message(out / name, solver)
    written.plan.write(out / names.PLAN)


def _solvers(trainer: SolverParameter) -> dict[str, SolverParameter]:
    return {
        names.SOLVER: solver_named(trainer, names.SPLIT_NET, names.SPLIT_PREFIX),
        names.PLAIN_SOLVER: solver_named(trainer, names.PLAIN_NET, names.PLAIN_PREFIX),
    }
