"""Writes the folder that stock Caffe trains in: split net, its weights, solver, and the plain twins to compare with."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from entropy.errors import PlanError
from entropy.planning.frozen import refuse_clipping, with_global_statistics
from entropy.planning.plan import Plan, read_plan
from entropy.split_folder import folder as names
from entropy.split_folder.cost import StepCost, step_cost
from entropy.split_folder.data_layers import MEAN_FILE, ImageList, pixel_layers
from entropy.split_folder.data_paths import seen_from
from entropy.split_folder.solver_file import Solver, filler_seed, read_choice, solver_named, training_solver
from entropy.split_folder.task import Task
from entropy.split_folder.training_net import Head, input_blob, training_net, with_head
from prototxt.common import atomic
from prototxt.common.errors import InputError
from prototxt.common.progress import Progress, at_once
from prototxt.formats.blob import write_blob
from prototxt.formats.schema import LayerParameter, NetParameter, SolverParameter
from prototxt.formats.text import read_net, write_message
from prototxt.formats.weights import Weights, read_weights, weights_hash, write_weights
from prototxt.lint import lint_net, lint_solver
from prototxt.pixels.preprocess import Preprocessing
from prototxt.pixels.preprocess_file import read_preprocessing
from prototxt.split import Split, fill_param_specs, split_net, split_weights

if TYPE_CHECKING:  # they need torchcaffe, hence torch, which takes seconds to import
    from entropy.split_folder.pictures import Pictures

_OUTSIDE = (
    "the pictures stay where they are and Caffe decodes them by itself; with --copy-pictures it gets what a scan sees"
    " (docs/settings.md), and the folder can be taken to another machine"
)


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
    """

    folder: Path
    plan: Plan
    plain: NetParameter
    split: Split
    notes: list[str] = field(default_factory=list)
    state: str = ""
    inputs: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def costs(self) -> tuple[StepCost, StepCost]:
        """What a training step of the plain and of the split net is estimated to cost."""
        return step_cost(self.plain, self.inputs), step_cost(self.split.net, self.inputs)

    @property
    def command(self) -> str:
        """The one command that trains on a machine with stock Caffe."""
        start = f"-snapshot {self.state}" if self.state else f"-weights {names.SPLIT_WEIGHTS}"
        return f"cd {shlex.quote(str(self.folder))} && caffe train -solver {names.SOLVER} {start}"


@dataclass(frozen=True)
class _Parts:
    """A training net before it is split, with everything that goes with it."""

    net: NetParameter
    weights: Weights
    texts: dict[str, str] = field(default_factory=dict)
    deploy: NetParameter | None = None
    mean_image: np.ndarray | None = None
    test_pictures: int | None = None
    copies: dict[str, Pictures] = field(default_factory=dict)
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    notes: list[str] = field(default_factory=list)
    inputs: dict[str, tuple[int, ...]] = field(default_factory=dict)


def writing(
    plan: Plan | Path | str,
    net: Path | str,
    weights: Path | str,
    solver: Solver | None = None,
    *,
    out: Path | str = "run",
    task: Task | None = None,
    bias_lr: float = 2.0,
    bias_decay: float = 0.0,
) -> Generator[Progress, None, Written]:
    """Write a folder in which stock Caffe trains every filter at its own rate.

    Beside the split net, its weights and its solver there are the plain (unsplit) net with the same head, the same
    data and the same initial weights, for `check` and for plain fine-tuning.

    Parameters
    ----------
    plan : from `entropy.plan`, or its file.
    net, weights : the deploy net and caffemodel that the plan was made for; or, without a task, a train_val net as it
        is (relative paths in it hold from the current folder).
    solver : how to train: settings, a solver's message or prototxt (the nets and the snapshot prefix in it are
        replaced); by default `SolverSettings` as they are.
    out : the folder; made when missing, files in it are replaced.
    task : the new task; needed for a deploy net.
    bias_lr, bias_decay : lr_mult and decay_mult of biases about which the net says nothing.

    Raises
    ------
    PlanError : the plan is for other weights, the weights are not the net's, a picture is missing, ``clip_gradients``
        with frozen filters, ...
    NetError, FormatError : a file cannot be read, or the net cannot be split.
    """
    plan = plan if isinstance(plan, Plan) else read_plan(plan)
    out, chosen = Path(out), read_choice(solver)
    seed = filler_seed(chosen)
    source, source_weights = read_net(net), read_weights(weights)
    _check_origin(plan, source_weights, weights)
    if task is None:
        parts = _as_it_is(source, source_weights, out, seed)
    else:
        parts = _for_task(source, source_weights, Path(net), out, task, seed)
    _check_belongs(plan, source, source_weights, net, weights)
    plain, moving = with_global_statistics(parts.net)
    plain = fill_param_specs(plain, bias_lr=bias_lr, bias_decay=bias_decay)
    split = split_net(plain, plan.multipliers, in_channels(plain, parts.weights))
    trainer = training_solver(chosen, plain, parts.test_pictures, tested=task is None or task.test_images is not None)
    solver_file = solver if isinstance(solver, str | Path) else None
    refuse_clipping(trainer, plan, solver_file or "the solver")
    if moving:
        parts.notes.append(f"{len(moving)} BatchNorm layers use their stored statistics, so that frozen filters stay")
    lists = [task.images, task.test_images] if task and parts.copies else []
    _refuse_overwriting(out, parts, net, weights, solver_file, *lists)
    written = Written(
        out, plan.model_copy(update={"split": split.layers}), plain, split, parts.notes, inputs=parts.inputs
    )
    yield from _writing_files(written, parts, trainer)
    return written


write = at_once(writing)
"""`writing` at once: ``write(plan, net, weights, out=folder)`` gives what was written."""


def _refuse_overwriting(out: Path, parts: _Parts, *inputs: Path | str | None) -> None:
    written = [*names.WEIGHTS_AND_NETS, names.SOLVER, names.PLAIN_SOLVER, *parts.texts]
    for path in inputs:
        if path is not None and Path(path).resolve() in [(out / name).resolve() for name in written]:
            raise PlanError(
                f"{path}: would be overwritten, since {out} is where the result goes; choose another folder"
            )


def _check_origin(plan: Plan, weights: Weights, path: Path | str) -> None:
    found = weights_hash(weights)
    if plan.weights_hash and plan.weights_hash != found:
        raise PlanError(
            f"{path}: has the hash {found[:12]}..., but the plan was made for weights with the hash "
            f"{plan.weights_hash[:12]}...; scan these weights and plan again, or give the weights that were scanned"
        )


def _check_belongs(plan: Plan, net: NetParameter, weights: Weights, net_path: Path | str, path: Path | str) -> None:
    known = {layer.name for layer in net.layer}
    strangers = [name for name in plan.layers if name not in known]
    if strangers:
        raise PlanError(f"{net_path}: has no layer {strangers[0]!r}, for which the plan has rates; it is another net")
    missing = [name for name in plan.layers if name not in weights]
    if missing:
        raise PlanError(f"{path}: holds no weights for layer {missing[0]!r} of {net_path}; it belongs to another net")


def _for_task(deploy: NetParameter, weights: Weights, net_path: Path, out: Path, task: Task, seed: int) -> _Parts:
    from entropy.split_folder import engine
    from entropy.split_folder.pictures import list_of_copies, read_pictures

    train = read_pictures(task.images, task.root, out, task.classes)
    classes = task.classes or train.classes
    test = read_pictures(task.test_images, task.root, out, classes) if task.test_images else None
    head = Head(task.head, classes, task.head_lr, task.replaces)
    top = input_blob(deploy)
    with_new_head = with_head(deploy, head)
    _check_complete(with_new_head, weights, head.name, net_path)
    filled, inputs = engine.complete(with_new_head, "TEST", weights, seed, Path.cwd())
    preprocessing = read_preprocessing(task.preprocessing or net_path.with_name("conversion.json"))
    lists = {"train": train} | ({"test": test} if test else {})
    copies: dict[str, Pictures] = {}
    seen = preprocessing
    if task.copy_pictures:
        copies, lists = lists, {name: list_of_copies(pictures, name) for name, pictures in lists.items()}
        seen = dataclasses.replace(preprocessing, resize="none", resize_to=())
    layers = [
        ImageList(f"{name}.txt", pictures.root_folder, min(batch, pictures.count))
        for (name, pictures), batch in zip(lists.items(), (task.batch, task.test_batch), strict=False)
    ]
    pixels = pixel_layers(seen, top, layers[0], layers[1] if test else None, task.mirror)
    return _Parts(
        net=training_net(with_new_head, pixels.layers),
        weights=pixels.weights | filled,
        inputs=_delivered(pixels.layers[0], inputs[top], layers[0].batch),
        texts={f"{name}.txt": pictures.text for name, pictures in lists.items()},
        copies=copies,
        preprocessing=preprocessing,
        deploy=with_new_head,
        mean_image=pixels.mean_image,
        test_pictures=test.count if test else None,
        notes=pixels.notes + ([] if copies else [_OUTSIDE]),
    )


def _check_complete(net: NetParameter, weights: Weights, head: str, path: Path) -> None:
    from prototxt.net.shapes import infer_shapes

    missing = [name for name in infer_shapes(net).params if name != head and not weights.get(name)]
    if missing:
        raise PlanError(
            f"the weights hold nothing for layer {missing[0]!r} of {path} ({len(missing)} such layers); they belong to "
            "another net: give the caffemodel of this one"
        )


def _delivered(data: LayerParameter, image: Sequence[int], batch: int) -> dict[str, tuple[int, ...]]:
    """What a data layer of pictures and labels delivers; pictures have the size of the deploy net's input."""
    pictures, labels = data.top
    return {pictures: (batch, *image[1:]), labels: (batch,)}


def _as_it_is(net: NetParameter, weights: Weights, out: Path, seed: int) -> _Parts:
    from entropy.split_folder import engine

    if any(layer.type == "Input" for layer in net.layer):
        raise PlanError(
            "this is a deploy net (it has an Input layer): give a task (image list and head) to make a training net of "
            "it, or give a train_val net"
        )
    start = Path.cwd()
    filled, inputs = engine.complete(net, "TRAIN", weights, seed, start)
    new = [name for name in filled if not weights.get(name)]
    notes = [f"new layers, filled with seed {seed}: {', '.join(new)}"] if new else []
    moved, lists = seen_from(net, start, out.resolve())
    return _Parts(net=moved, weights=filled, texts=lists, notes=notes, inputs=inputs)


def in_channels(net: NetParameter, weights: Weights) -> dict[str, int]:
    """Channels of the bottom of every grouped convolution, from the shape of its weights."""
    found = {}
    for layer in net.layer:
        if layer.convolution_param.group > 1 and layer.name in weights:
            shape = weights[layer.name][0].shape
            found[layer.name] = shape[0] if layer.type == "Deconvolution" else shape[1] * layer.convolution_param.group
    return found


def _writing_files(written: Written, parts: _Parts, trainer: SolverParameter) -> Generator[Progress, None, None]:
    from entropy.split_folder.pictures import copying_pictures

    out = written.folder
    refuse_what_caffe_would(written, trainer)
    for name, pictures in parts.copies.items():
        yield from copying_pictures(pictures, out, name, parts.preprocessing)
    for name, text in parts.texts.items():
        atomic.write_text(out / name, text)
    if parts.mean_image is not None:
        write_blob(out / MEAN_FILE, parts.mean_image)
    if parts.deploy is not None:
        write_message(out / names.DEPLOY, parts.deploy)
    write_nets(written, parts.weights, trainer)


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
