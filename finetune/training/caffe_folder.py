"""A prepared net as a folder in which stock Caffe trains: images, a list, a net for every stage, weights, solvers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from entropy.split_folder.data_layers import MEAN_FILE, ImageList, PixelLayers, pixel_layers
from entropy.split_folder.writing import in_channels
from finetune.errors import ExperimentError
from finetune.tasks.pixels import centre, crop_size
from finetune.training.net import LABEL, LOSS, image_input, training_net
from finetune.training.prepared import Stage
from finetune.training.rates import spread_rates, unit_rates
from finetune.training.trainer import Job
from prototxt.common.atomic import write_text
from prototxt.common.progress import Progress
from prototxt.formats.blob import write_blob
from prototxt.formats.parameter_blobs import learns, parameter_count
from prototxt.formats.schema import LayerParameter, NetParameter, SolverParameter
from prototxt.formats.solverstate import SolverState, write_solverstate
from prototxt.formats.text import write_message
from prototxt.formats.weights import Weights, write_weights
from prototxt.lint import lint_net
from prototxt.net.build import input_layer
from prototxt.net.graph import NetGraph
from prototxt.net.layer_types import UNIT_TYPES
from prototxt.pixels.preprocess import Preprocessing
from prototxt.split import Split, split_net, split_weights
from prototxt.split.chains import companions
from prototxt.split.layouts import filter_axis
from prototxt.split.param_specs import scaled
from torchcaffe.network import Network
from torchcaffe.solvers import RULES

IMAGES, LIST, WORDS = "images", "train.txt", "train.log"


@dataclass(frozen=True)
class StageFiles:
    """Names of a stage's files: net, weights or solver state to start from, solver, and what snapshots begin with."""

    net: str
    start: str
    solver: str
    prefix: str

    @classmethod
    def of(cls, number: int) -> StageFiles:
        """Of a stage, from 0 on."""
        start = "stage0.caffemodel" if number == 0 else f"stage{number}_start.solverstate"
        return cls(f"stage{number}.prototxt", start, f"stage{number}_solver.prototxt", f"stage{number}")

    def snapshot(self, iteration: int, ending: str = "caffemodel") -> str:
        """Name of what Caffe writes after an iteration."""
        return f"{self.prefix}_iter_{iteration}.{ending}"


def writing_images(job: Job, folder: Path) -> Iterator[Progress]:
    """Write the training images, and the list that an ImageData layer reads.

    With crops at the centre the images are the crops, because Caffe's own crops are random in training.
    """
    images, count = job.images.images, len(job.images)
    (folder / IMAGES).mkdir(parents=True, exist_ok=True)
    height, width = crop_size(images, job.preprocessing)
    top, left = centre(images, job.preprocessing)
    for number in range(count):
        image = images[number]
        if job.settings.crop == "centre":
            image = image[top : top + height, left : left + width]
        cv2.imwrite(str(folder / IMAGES / f"{number}.png"), np.ascontiguousarray(image[:, :, ::-1]))
        if number % 100 == 0:
            yield Progress(number, count, "write: images for Caffe")
    labels = job.images.labels
    write_text(folder / LIST, "".join(f"{number}.png {labels[number]}\n" for number in range(count)))


def remove_images(folder: Path) -> None:
    """Remove what `writing_images` wrote, after the training."""
    shutil.rmtree(folder / IMAGES, ignore_errors=True)


def write_stage(job: Job, weights: Weights, number: int, first: int, last: int, folder: Path) -> Split:
    """Write the files of a stage: from iteration ``first`` up to ``last``, with no momentum at its beginning.

    Parameters
    ----------
    weights : that it starts from, of all layers of the prepared net.

    Returns
    -------
    The split net, for merging its snapshots.

    Raises
    ------
    ExperimentError, NetError : Caffe could not train it; says why.
    """
    pixels = _pixels(job)
    split = _stage_net(job, job.prepared.stages[number], weights, pixels)
    complaints = lint_net(split.net)
    if complaints:
        raise ExperimentError(f"stock Caffe would not take the net: {complaints[0]}")
    files = StageFiles.of(number)
    if pixels.mean_image is not None:
        write_blob(folder / MEAN_FILE, pixels.mean_image)
    write_message(folder / files.net, split.net)
    blobs = split_weights(pixels.weights | weights, split.layers)
    names = {layer.name for layer in split.net.layer}
    start = folder / StageFiles.of(number).net.replace(".prototxt", ".caffemodel")
    write_weights(start, split.net, {name: found for name, found in blobs.items() if name in names})
    if number > 0:
        history = _no_history(split.net, job)
        write_solverstate(folder / files.start, SolverState(first, start.name, 0, history))
    write_message(folder / files.solver, _solver(job, files, first, last))
    return split


def _solver(job: Job, files: StageFiles, first: int, last: int) -> SolverParameter:
    solver = job.settings.solver()
    solver.net, solver.snapshot_prefix, solver.max_iter = files.net, files.prefix, last
    if job.settings.policy == "poly" and last < job.settings.iterations:
        raise ExperimentError(
            "the policy poly reads max_iter, which real Caffe has for a stage and not for the whole training; give "
            'this method engine = "torchcaffe", or another policy'
        )
    solver.random_seed = job.seed + 1
    solver.solver_mode = SolverParameter.CPU if job.device == "cpu" else SolverParameter.GPU
    solver.snapshot = max(100, (last - first) // 5)
    return solver


def _pixels(job: Job) -> PixelLayers:
    """Data layers that show images as the trainer does: what they hold is resized already."""
    net = training_net(job.prepared)
    seen: Preprocessing = replace(job.preprocessing, resize="none", resize_to=())
    if job.settings.crop == "centre":
        seen = replace(seen, crop=(), mean_image=_centre_of_mean(job))
    source = ImageList(LIST, f"{IMAGES}/", job.settings.batch)
    return pixel_layers(seen, image_input(net).blob, source, None, job.settings.mirror)


def _centre_of_mean(job: Job) -> np.ndarray | None:
    mean = job.preprocessing.mean_image
    if mean is None:
        return None
    height, width = crop_size(job.images.images, job.preprocessing)
    top, left = (mean.shape[1] - height) // 2, (mean.shape[2] - width) // 2
    return mean[:, top : top + height, left : left + width]


def _stage_net(job: Job, stage: Stage, weights: Weights, pixels: PixelLayers) -> Split:
    """The training net of a stage: only what leads to the loss, every unit at its rate, images and labels in front."""
    whole = training_net(job.prepared)
    graph = NetGraph(whole)
    needed = {node.index for node in graph.ancestors([graph.value(LOSS)])}
    net = NetParameter(name=whole.name, layer=[each for place, each in enumerate(whole.layer) if place in needed])
    whole_layers = _with_rates_of_their_own(net, stage)
    spread = spread_rates(net, stage)
    by_unit = {name: rates for name, rates in unit_rates(net, spread).items() if name not in whole_layers}
    followers = {net.layer[place].name for _, places in _followers(net) for place in places} - whole_layers
    for layer in net.layer:
        if parameter_count(layer) and layer.name not in by_unit and layer.name not in followers:
            layer.CopyFrom(scaled(layer, float(np.max(spread.get(layer.name, 0.0)))))
    split = split_net(net, by_unit, in_channels(net, weights))
    layers = [each for each in split.net.layer if each.type != "Input"]
    del split.net.layer[:]
    for each in pixels.layers:
        if each.type == "ImageData":
            each.top[1] = LABEL
    split.net.layer.extend([*pixels.layers, *layers])
    return split


def _followers(net: NetParameter) -> Iterator[tuple[LayerParameter, tuple[int, ...]]]:
    """Layers with filters, and the places of the layers that belong to their filters."""
    for place, layer in enumerate(net.layer):
        if layer.type in UNIT_TYPES:
            yield layer, companions(net, place, filter_axis(layer))


def _with_rates_of_their_own(net: NetParameter, stage: Stage) -> set[str]:
    """Layers with filters that have another rate than what belongs to their filters, and what belongs to them.

    Each has one rate for all its units, so it is not split.

    Raises
    ------
    ExperimentError : one of them has several rates, which a split into layers of one rate cannot express.
    """
    found: set[str] = set()
    for layer, places in _followers(net):
        rate = np.asarray(stage.rates.get(layer.name, 0.0))
        names = [net.layer[place].name for place in places if learns(net.layer[place])]
        own = {name: np.asarray(stage.rates[name]) for name in names if name in stage.rates}
        different = [name for name, each in own.items() if np.any(each != rate)]
        if different and any(each.ndim for each in (rate, *own.values())):
            raise ExperimentError(
                f"layer {different[0]!r} belongs to the filters of layer {layer.name!r} and has rates of its own, "
                'which real Caffe cannot have; give this method engine = "torchcaffe"'
            )
        if different:
            found |= {layer.name, *names}
    return found


def _no_history(net: NetParameter, job: Job) -> list[np.ndarray]:
    """A solver's history at rest, in Caffe's order."""
    side = crop_size(job.images.images, job.preprocessing)
    inputs = NetParameter(name=net.name)
    for layer in net.layer:
        if layer.type == "ImageData":
            channels = 3 if layer.image_data_param.is_color else 1
            inputs.layer.extend([input_layer(layer.top[0], (1, channels, *side)), input_layer(LABEL, (1,))])
        else:
            inputs.layer.append(layer)
    learnable = Network(inputs, "TRAIN", seed=0).learnable
    rounds = RULES.find(job.settings.type, "training settings").histories
    return [np.zeros(tuple(entry.parameter.shape), np.float32) for _ in range(rounds) for entry in learnable]
