"""A tiny net, two tiny tasks, and a setting of them for every method."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepvis.model.model import Model
from entropy import measure, network_means
from entropy.measuring.table import Table
from finetune.tasks.task import Part, Task
from finetune.training.prepared import Setting
from prototxt.pixels.preprocess import Preprocessing
from tests.finetune.methods.small import CLASSES, NET, SIDE, small_weights

NEW_CLASSES = 3


def _task(name: str, classes: int, seed: int) -> Task:
    """Images whose mean colour and stripes depend on their class; those of another seed are brighter and lie down."""
    rng = np.random.default_rng(seed)

    def part(count: int) -> Part:
        labels = np.arange(count) % classes
        images = rng.integers(60 * seed, 120, (count, SIDE + 1, SIDE + 1, 3))
        for image, label in zip(images, labels, strict=True):
            view = image.swapaxes(0, 1) if seed else image
            view[:: label + 1, :, label % 3] += 120
        return Part.of_arrays(images.astype(np.uint8), labels)

    return Task(name, tuple(f"{name} {number}" for number in range(classes)), part(12 * classes), part(6 * classes))


@pytest.fixture(scope="session")
def tasks() -> tuple[Task, Task]:
    return _task("old", CLASSES, 0), _task("new", NEW_CLASSES, 1)


@pytest.fixture(scope="session")
def model() -> Model:
    preprocessing = Preprocessing(
        channel_order="RGB", raw_scale=1 / 255, mean=(0.4, 0.4, 0.4), std=(0.25, 0.25, 0.25), crop=(SIDE, SIDE)
    )
    return Model("small", Path("small.prototxt"), NET, small_weights(), preprocessing, tuple("abcd"))


@pytest.fixture(scope="session")
def table(model) -> Table:
    """With importance, as a scan would have it."""
    rng = np.random.default_rng(0)
    blobs = rng.normal(size=(4, 50, *model.input_shape)).astype(np.float32)
    found = measure(network_means(model.network(), list(blobs)), bins=8)
    return replace(found, taylor=rng.random(len(found)), mas=rng.random(len(found)))


@pytest.fixture
def setting(model, tasks, table, tmp_path) -> Setting:
    return Setting(model, *tasks, measure=lambda profile: table, folder=tmp_path)
