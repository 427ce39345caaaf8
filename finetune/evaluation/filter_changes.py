"""What training did to every filter of the source net: a table with a row for each."""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from entropy.measuring.network_means import network_means
from finetune.evaluation.scores import BATCH
from finetune.statistics.filters import activity_changes, weight_changes
from finetune.tasks.pixels import blobs
from finetune.tasks.task import Part
from prototxt.common.progress import Progress
from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.formats.weights import Weights
from prototxt.net.graph import NetGraph
from prototxt.net.layer_types import CONVOLUTION_TYPES
from prototxt.pixels.preprocess import Preprocessing
from torchcaffe.network import Network

COLUMNS = ("layer", "index", "rate", "weight_change", "activity_change", "correlation")
BATCHES = 4  # that go through both nets before progress is told


@dataclass(frozen=True, eq=False)
class Net:
    """A deploy net with the weights of all its layers."""

    net: NetParameter
    weights: Weights


def measuring_changes(
    before: Net, after: Net, rates: Mapping[str, float | np.ndarray], preprocessing: Preprocessing, part: Part
) -> Generator[Progress, None, str]:
    """Compare the filters of the source net before and after training.

    Parameters
    ----------
    before, after : the source net, and the trained one; layers of one name and shape are compared.
    rates : learning rates of layers; 0 for those that are not named.
    preprocessing : of both.
    part : images of the old task, on which activations are compared.

    Returns
    -------
    CSV text; `finetune.statistics.filters.FilterChange` says what the columns are.
    """
    layers = _shared_layers(before, after)
    weights = weight_changes(layers, before.weights, after.weights)
    convolutions = [name for name in layers if layers[name].type in CONVOLUTION_TYPES]
    means: list[tuple[Mapping[str, np.ndarray], ...]] = []
    networks = [Network(each.net, "TEST", weights=each.weights, seed=0) for each in (before, after)]
    yield Progress(0, len(part), "filters: images")
    for start in range(0, len(part), BATCH * BATCHES):
        images = part.images[start : start + BATCH * BATCHES]
        tables = (network_means(net, _batches(images, preprocessing), convolutions).means for net in networks)
        means.append(tuple({name: np.asarray(table) for name, table in each.items()} for each in tables))
        yield Progress(start + len(images), len(part), "filters: images")
    activity = {name: activity_changes(*_stacked(means, name)) for name in convolutions}
    return _table(weights, activity, rates)


def _shared_layers(before: Net, after: Net) -> dict[str, LayerParameter]:
    """Layers with filters that both nets have in the same shape, in the net's order."""
    names = {layer.name for layer in after.net.layer}
    return {
        node.name: node.layer
        for node in NetGraph(before.net).unit_layers()
        if node.name in names
        and [blob.shape for blob in before.weights[node.name]] == [blob.shape for blob in after.weights[node.name]]
    }


def _batches(images: np.ndarray, preprocessing: Preprocessing) -> Iterator[np.ndarray]:
    for start in range(0, len(images), BATCH):
        yield blobs(images[start : start + BATCH], preprocessing)


def _stacked(means: Sequence[tuple[Mapping[str, np.ndarray], ...]], name: str) -> tuple[np.ndarray, np.ndarray]:
    first, second = (np.concatenate([part[place][name] for part in means]) for place in (0, 1))
    return first, second


def _table(
    weights: Mapping[str, np.ndarray],
    activity: Mapping[str, tuple[np.ndarray, np.ndarray]],
    rates: Mapping[str, float | np.ndarray],
) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for name, changes in weights.items():
        rate = np.broadcast_to(np.asarray(rates.get(name, 0.0)), changes.shape)
        for index, change in enumerate(changes.tolist()):
            answers = [f"{each[index]:.6g}" for each in activity[name]] if name in activity else ["", ""]
            writer.writerow([name, index, f"{rate[index]:g}", f"{change:.6g}", *answers])
    return text.getvalue()
