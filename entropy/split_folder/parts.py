"""What goes into a folder before rates are written into it: the training net, its weights, its data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from entropy.errors import PlanError
from entropy.split_folder.data_paths import seen_from
from entropy.split_folder.extension import Extension, OldModel, extend_model
from entropy.split_folder.task import Task
from entropy.split_folder.task_data import TaskData, read_task
from entropy.split_folder.training_net import Head, input_blob, training_net, with_head
from entropy.surgery.extended import Extended
from entropy.surgery.heads import TaskHead
from prototxt.formats.schema import NetParameter
from prototxt.formats.weights import Weights
from prototxt.net.graph import NetGraph
from prototxt.net.shapes import infer_shapes


@dataclass(frozen=True)
class Source:
    """The model that is trained further.

    Parameters
    ----------
    net, weights : as read.
    net_path, weights_path : from where.
    """

    net: NetParameter
    weights: Weights
    net_path: Path
    weights_path: Path | str


@dataclass(frozen=True)
class Parts:
    """A training net before it is split, with everything that goes with it.

    Parameters
    ----------
    net : the training net.
    weights : of every layer of it.
    deploy : the deploy net with the new head, of a task.
    extended : where the old net keeps its head: both in one deploy net.
    data : of a task.
    texts : further files, by name.
    notes : what the user should know.
    inputs : shapes of what the data layers deliver in training.
    """

    net: NetParameter
    weights: Weights
    deploy: NetParameter | None = None
    extended: Extended | None = None
    data: TaskData | None = None
    texts: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    inputs: dict[str, tuple[int, ...]] = field(default_factory=dict)


def as_it_is(source: Source, out: Path, seed: int) -> Parts:
    """Take a train_val net as the user wrote it.

    Raises
    ------
    PlanError : it is a deploy net.
    """
    from entropy.split_folder import engine

    if any(layer.type == "Input" for layer in source.net.layer):
        raise PlanError(
            "this is a deploy net (it has an Input layer): give a task (image list and head) to make a training net of "
            "it, or give a train_val net"
        )
    start = Path.cwd()
    filled, inputs = engine.complete(source.net, "TRAIN", source.weights, seed, start)
    new = [name for name in filled if not source.weights.get(name)]
    notes = [f"new layers, filled with seed {seed}: {', '.join(new)}"] if new else []
    moved, lists = seen_from(source.net, start, out.resolve())
    return Parts(net=moved, weights=filled, texts=lists, notes=notes, inputs=inputs)


def with_replaced_head(source: Source, out: Path, task: Task, seed: int) -> Parts:
    """Make the training net of a task whose head takes the place of the old one.

    Raises
    ------
    PlanError : there is no classifier to replace, the weights are of another net, a picture is missing, …
    """
    from entropy.split_folder import engine

    top = input_blob(source.net)
    data = read_task(task, source.net_path, out, top)
    deploy = with_head(source.net, Head(task.head, data.classes, task.head_lr, task.replaces))
    _check_complete(deploy, source, task.head)
    filled, inputs = engine.complete(deploy, "TEST", source.weights, seed, Path.cwd())
    return Parts(
        net=training_net(deploy, data.pixels.layers),
        weights=data.pixels.weights | filled,
        deploy=deploy,
        data=data,
        texts=data.texts,
        notes=list(data.notes),
        inputs=data.delivered(inputs[top]),
    )


def with_extension(source: Source, out: Path, task: Task, extension: Extension, seed: int) -> Parts:
    """Make the training net of a task in the old net or beside it.

    What leads to the old head only is left out of the training net: nobody computes it there, and `merge` puts it back.

    Raises
    ------
    SurgeryError, PlanError, NetError : the net cannot be extended so, a picture is missing, …
    """
    if task.replaces is not None:
        raise PlanError(f"the old head stays beside the new one, so {task.replaces!r} cannot be replaced; leave it out")
    top = input_blob(source.net)
    data = read_task(task, source.net_path, out, top)
    head = TaskHead(task.head, data.classes, extension.head_on, task.head_lr, extension.head_dropout)
    extended = extend_model(OldModel(source.net, source.weights, source.weights_path, seed), extension, head)
    trained = leading_to(extended.net, extended.new_output)
    layers = {layer.name for layer in trained.layer}
    return Parts(
        net=training_net(trained, data.pixels.layers, scores=extended.new_output),
        weights=data.pixels.weights | {name: blobs for name, blobs in extended.weights.items() if name in layers},
        deploy=extended.net,
        extended=extended,
        data=data,
        texts=data.texts,
        notes=[*data.notes, *extended.notes, _added(extended)],
        inputs=data.delivered(infer_shapes(trained).blob(top)),
    )


def leading_to(net: NetParameter, blob: str) -> NetParameter:
    """Copy a net with only the layers that lead to a blob, and the Silence layers on what these leave unread."""
    graph = NetGraph(net)
    needed = graph.ancestors([graph.value(blob)])
    made = {value for node in needed for value in node.tops}
    quiet = [node for node in graph.layers if node.type == "Silence" and made.issuperset(node.bottoms)]
    kept = {node.index for node in (*needed, *quiet)}
    result = NetParameter()
    result.CopyFrom(net)
    del result.layer[:]
    result.layer.extend(node.layer for node in graph.layers if node.index in kept)
    return result


def _added(extended: Extended) -> str:
    old = sum(
        blob.size
        for name, blobs in extended.weights.items()
        if name not in extended.new_layers
        for blob in blobs
    )  # fmt: skip
    more = extended.parameters_added
    return f"the net with both heads has {more:,} numbers more than the old one's {old:,} ({more / max(old, 1):.1%})"


def _check_complete(net: NetParameter, source: Source, head: str) -> None:
    missing = [name for name in infer_shapes(net).params if name != head and not source.weights.get(name)]
    if missing:
        raise PlanError(
            f"the weights hold nothing for layer {missing[0]!r} of {source.net_path} ({len(missing)} such layers); "
            "they belong to another net: give the caffemodel of this one"
        )
