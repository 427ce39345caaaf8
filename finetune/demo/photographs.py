"""The photographs that every installation has: those that ship with scikit-image and scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from deepvis.sources import open_images
from finetune.errors import ExperimentError
from prototxt.pixels.decode import read_image

# Photographs of things, scenes and surfaces; drawings, diagrams and the second of a stereo pair are left out.
TASK_FILES = {
    "skimage.data": (
        "astronaut.png",
        "brick.png",
        "camera.png",
        "chelsea.png",
        "coffee.png",
        "coins.png",
        "grass.png",
        "gravel.png",
        "hubble_deep_field.jpg",
        "ihc.png",
        "motorcycle_left.png",
        "retina.jpg",
        "rocket.jpg",
    ),
    "sklearn.datasets.images": ("china.jpg", "flower.jpg"),
}
# Taken inside rooms: the nearest to the indoor network's own pictures that a bare installation has.
INDOOR_FILES = {"skimage.data": ("motorcycle_right.png", "coffee.png", "astronaut.png")}


@dataclass(frozen=True, eq=False)
class Photograph:
    """A picture with a name.

    Parameters
    ----------
    name : of its class.
    pixels : (H, W, 3) uint8 RGB.
    source : its file, for errors.
    """

    name: str
    pixels: np.ndarray
    source: Path = Path()


def task_photographs() -> list[Photograph]:
    """Read the installed photographs that the small task tells apart.

    Raises
    ------
    ExperimentError : if an unusual installation has fewer than two of them; the same of `indoor_photographs`.
    """
    return _installed(TASK_FILES)


def indoor_photographs() -> list[Photograph]:
    """Installed photographs taken inside rooms, on which the indoor network's outputs are compared."""
    return _installed(INDOOR_FILES)


def photographs_in(folder: Path, at_most: int = 24) -> list[Photograph]:
    """The first ``at_most`` pictures of a folder, in natural order.

    Raises
    ------
    ExperimentError : if there are fewer than two, since the task is to tell photographs apart.
    ImageError : if the folder is missing or has no picture, or one of those taken cannot be decoded.
    """
    found = open_images(folder)
    if len(found) < 2:
        raise ExperimentError(f"{folder}: holds one picture, but the task tells photographs apart; add at least one")
    chosen = [found.path(index) for index in range(min(len(found), at_most))]
    return [Photograph(path.stem, read_image(path), path) for path in chosen]


def _installed(names: Mapping[str, tuple[str, ...]]) -> list[Photograph]:
    """Decode those of the named files that this installation has; releases of the two libraries differ a little."""
    paths = [Path(str(files(package) / name)) for package, members in names.items() for name in members]
    present = [path for path in paths if path.is_file()]
    if len(present) < 2:
        raise ExperimentError(
            f"scikit-image and scikit-learn brought {len(present)} of {len(paths)} photographs; name a folder of yours"
        )
    return [Photograph(path.stem, read_image(path), path) for path in present]
