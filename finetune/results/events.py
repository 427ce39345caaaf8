"""Runs of a study as TensorBoard shows them: scalars of the logs, and histograms when they are asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from entropy.measuring.table_files import read_table
from finetune.errors import ExperimentError
from finetune.results.reading import Results, RunResult, read_results
from finetune.study.material import MEASURES
from finetune.study.measuring import PROFILES
from finetune.study.reopening import Reopened, reopen
from finetune.tasks.cache import CACHE
from finetune.tasks.pixels import blobs
from finetune.training.net import LABEL, LOSS, image_input, training_net
from prototxt.common.progress import Progress
from torchcaffe.network import Network

FOLDER = "tensorboard"
IMAGES = 64  # of the new task, whose activations and gradients are shown
NAMES = {"loss": "training/loss", "lr": "training/lr", "source": "accuracy/old task", "target": "accuracy/new task"}
FINAL = {"source_accuracy": "test/old task", "target_accuracy": "test/new task", "source_probe": "test/probe"}


class Writer(Protocol):
    """What is asked of ``torch.utils.tensorboard.SummaryWriter``."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """Write a number."""

    def add_histogram(self, tag: str, values: np.ndarray, global_step: int) -> None:
        """Write a histogram."""

    def close(self) -> None:
        """Finish the file."""


def tensorboard_writer(folder: Path) -> Writer:
    """TensorBoard's own writer.

    Raises
    ------
    ExperimentError : TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ExperimentError(
            f"TensorBoard is not installed ({error}); install it with: pip install 'deepvis-caffe[tensorboard]'"
        ) from None
    writer: Writer = SummaryWriter(str(folder))
    return writer


def writing_events(
    out: Path,
    histograms: bool = False,
    cache: Path = CACHE,
    make_writer: Callable[[Path], Writer] = tensorboard_writer,
) -> Generator[Progress, None, Path]:
    """Write the events of every finished run of a study.

    Parameters
    ----------
    out : the study's folder.
    histograms : of weights, activations and gradients too, of runs that kept their weights, and of H of the source
        nets as far as it was measured.
    cache : of decoded images.
    make_writer : gives a writer into a folder.

    Returns
    -------
    The folder, for ``tensorboard --logdir``.

    Raises
    ------
    ExperimentError : no study was run there, histograms are asked of runs without weights, or TensorBoard is missing.
    """
    results = read_results(out)
    runs = [run for found in results.runs.values() for run in found]
    for number, run in enumerate(runs):
        yield Progress(number, len(runs), "events: runs")
        writer = make_writer(out / FOLDER / run.folder.relative_to(out))
        _write_scalars(writer, run)
        if histograms and not run.diverged:
            _write_histograms(writer, reopen(run.folder, cache))
        writer.close()
    if histograms:
        _write_h(results, make_writer)
    yield Progress(len(runs), len(runs), "events: runs")
    return out / FOLDER


def _write_scalars(writer: Writer, run: RunResult) -> None:
    for record in run.log:
        for key, tag in NAMES.items():
            if key in record:
                writer.add_scalar(tag, record[key], record["iteration"])
    last = int(run.config["training"]["iterations"])
    for key, tag in FINAL.items():
        if key in run.result:
            writer.add_scalar(tag, run.result[key], last)


def _write_histograms(writer: Writer, run: Reopened) -> None:
    for tag, values in histograms_of(run):
        writer.add_histogram(tag, values, run.iteration)


def histograms_of(run: Reopened) -> Iterator[tuple[str, np.ndarray]]:
    """Weights of all layers; activations of their units, and gradients of the loss, for some images of the new task."""
    prepared, part = run.prepared, run.material.target.test
    for name, arrays in run.weights.items():
        for index, array in enumerate(arrays):
            yield f"weights/{name}/{index}", array
    net = training_net(prepared)
    network = Network(net, "TEST", weights=run.weights, seed=0)
    layers = [node.name for node in network.graph.unit_layers()]
    values = {name: network.graph.unit_value(name) for name in layers}
    images = torch.from_numpy(blobs(part.images[:IMAGES], run.material.model.preprocessing))
    inputs: dict[Any, Any] = {image_input(net): images, LABEL: torch.from_numpy(part.labels[:IMAGES]).float()}
    found = network.run(inputs, [LOSS, *values.values()])
    for name, value in values.items():
        yield f"activations/{name}", found[value].detach().numpy()
    found[network.graph.value(LOSS)].sum().backward()
    for name, parameters in network.params.items():
        for index, parameter in enumerate(parameters):
            if parameter.grad is not None:
                yield f"gradients/{name}/{index}", parameter.grad.numpy()


def _write_h(results: Results, make_writer: Callable[[Path], Writer]) -> None:
    """H of the filters of every source net, by layer."""
    for net in results.study.nets:
        for profile in PROFILES:
            file = results.out / MEASURES / net / f"{profile}.csv"
            if not file.is_file():
                continue
            table = read_table(file)
            writer = make_writer(results.out / FOLDER / MEASURES / net / profile)
            for layer in table.layers:
                h = table.of_layer(layer)["h"]
                writer.add_histogram(f"H/{layer}", h[[math.isfinite(each) for each in h]], 0)
            writer.close()
