"""The class scores of a net for every image of a part, once each."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from scipy.special import log_softmax, logsumexp

from finetune.errors import ExperimentError
from finetune.tasks.pixels import blobs, centre, ten_crops
from finetune.tasks.task import Part
from prototxt.common.atomic import atomic_path
from prototxt.common.progress import Progress
from prototxt.formats.schema import NetParameter
from prototxt.formats.weights import Weights
from prototxt.net.graph import Value
from prototxt.pixels.preprocess import Preprocessing
from torchcaffe.network import Network

Crops = Literal["centre", "ten"]
BATCH = 64


@dataclass(frozen=True, eq=False)
class Scores:
    """Class scores of images.

    Parameters
    ----------
    logits : (N, classes) float32, before softmax; of ten crops the logarithm of the mean of their probabilities.
    labels : (N,) int64.
    """

    logits: np.ndarray
    labels: np.ndarray

    @property
    def correct(self) -> np.ndarray:
        """(N,) whether the highest score is that of the right class."""
        return self.logits.argmax(1) == self.labels

    @property
    def accuracy(self) -> float:
        """Share of images that are told right, 0-1."""
        return float(self.correct.mean())

    @property
    def loss(self) -> float:
        """Mean cross-entropy in nats."""
        rows = np.arange(len(self.labels))
        return float(-log_softmax(self.logits.astype(np.float64), axis=1)[rows, self.labels].mean())

    @property
    def confusion(self) -> np.ndarray:
        """(classes, classes) number of images of the class of the row that are taken for that of the column."""
        matrix = np.zeros((self.logits.shape[1],) * 2, np.int64)
        np.add.at(matrix, (self.labels, self.logits.argmax(1)), 1)
        return matrix


class Scorer:
    """Runs a trained net on images.

    Parameters
    ----------
    net : deploy net; outputs of both heads, if it has two.
    weights : of all layers.
    preprocessing : of the net.
    crops : the centre crop, or ten: four corners and the centre, with their mirror images.
    device : where the net computes.
    """

    def __init__(
        self,
        net: NetParameter,
        weights: Weights,
        preprocessing: Preprocessing,
        crops: Crops = "centre",
        device: str | torch.device = "cpu",
    ) -> None:
        self.network = Network(net, "TEST", device, weights, seed=0).requires_grad_(False).eval()
        self.preprocessing, self.crops = preprocessing, crops
        inputs = self.network.graph.inputs
        if len(inputs) != 1:
            raise ExperimentError(f"the net has {len(inputs)} inputs; images and classes need exactly one")
        self._image = inputs[0]

    def scoring(self, part: Part, output: str) -> Generator[Progress, None, Scores]:
        """Give the class scores in the blob ``output`` for every image of a part."""
        value = self.network.graph.value(output)
        found = []
        yield Progress(0, len(part), "evaluate: images")
        for start in range(0, len(part), BATCH):
            images = part.images[start : start + BATCH]
            found.append(self._of_crops(images, value))
            yield Progress(start + len(images), len(part), "evaluate: images")
        logits = np.concatenate(found) if found else np.zeros((0, 1), np.float32)
        if len(part) and part.labels.max() >= logits.shape[1]:
            raise ExperimentError(
                f"blob {output!r} has {logits.shape[1]} class scores, but the task has {int(part.labels.max()) + 1} "
                "classes; it is the head of another task"
            )
        return Scores(logits, part.labels)

    def features(self, part: Part, value: Value) -> Generator[Progress, None, np.ndarray]:
        """Give what a blob holds for the centre crop of every image, (N, numbers) float32."""
        found = []
        yield Progress(0, len(part), "features: images")
        for start in range(0, len(part), BATCH):
            images = part.images[start : start + BATCH]
            found.append(self._run(images, centre(images, self.preprocessing), False, value))
            yield Progress(start + len(images), len(part), "features: images")
        return np.concatenate(found)

    def _of_crops(self, images: np.ndarray, value: Value) -> np.ndarray:
        if self.crops == "centre":
            return self._run(images, centre(images, self.preprocessing), False, value)
        each = [self._run(images, place, mirror, value) for place, mirror in ten_crops(images, self.preprocessing)]
        mean = logsumexp(log_softmax(np.stack(each).astype(np.float64), axis=2), axis=0) - np.log(len(each))
        return mean.astype(np.float32)

    def _run(self, images: np.ndarray, place: tuple[int, int], mirror: bool, value: Value) -> np.ndarray:
        offsets = np.tile(place, (len(images), 1))
        blob = blobs(images, self.preprocessing, offsets, np.full(len(images), mirror))
        with torch.inference_mode():
            found = self.network.run({self._image: torch.from_numpy(blob)}, [value])[value]
        return found.flatten(1).cpu().numpy()


def write_scores(path: Path, **scores: Scores) -> None:
    """Keep scores by name in an ``.npz``; logits as float16, which is enough to compare answers image by image."""
    arrays = {}
    for name, each in scores.items():
        arrays[f"{name}_logits"] = each.logits.astype(np.float16)
        arrays[f"{name}_labels"] = each.labels.astype(np.int32)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def read_scores(path: Path) -> dict[str, Scores]:
    """Read what `write_scores` wrote.

    Raises
    ------
    ExperimentError : it cannot be read.
    """
    try:
        with np.load(path) as file:
            names = [name.removesuffix("_labels") for name in file.files if name.endswith("_labels")]
            return {
                name: Scores(file[f"{name}_logits"].astype(np.float32), file[f"{name}_labels"].astype(np.int64))
                for name in names
            }
    except (OSError, KeyError, ValueError) as error:
        raise ExperimentError(f"{path}: cannot be read ({error}); run the study again") from error
