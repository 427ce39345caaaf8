"""A small real task out of a few photographs: which of them does a crop come from.

Training and test crops come from disjoint regions of each photograph, so that a network has to know what the photograph
looks like in general and cannot remember pixels.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from finetune.demo.photographs import Photograph
from finetune.errors import ExperimentError
from prototxt.common.atomic import write_bytes, write_text
from prototxt.common.progress import Progress

CROP = 64
TEST_SHARE = 1 / 3
SMALLEST_SIDE = 48


class Region(NamedTuple):
    """Half-open rectangle of a photograph, in pixels."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True)
class CropCounts:
    """Crops per photograph, for training and for the test."""

    train: int = 48
    test: int = 16


def regions(height: int, width: int) -> dict[str, Region]:
    """Divide a photograph, sides in pixels: the last third of the longer side is ``test``, the rest ``train``."""
    if width >= height:
        border = round(width * (1 - TEST_SHARE))
        return {"train": Region(0, 0, height, border), "test": Region(0, border, height, width)}
    border = round(height * (1 - TEST_SHARE))
    return {"train": Region(0, 0, border, width), "test": Region(border, 0, height, width)}


def refuse_small(photographs: Sequence[Photograph]) -> None:
    """Refuse photographs of which no crop can be cut, before anything is written.

    Raises
    ------
    ExperimentError : naming the first whose regions have fewer than `SMALLEST_SIDE` pixels along a side.
    """
    for photograph in photographs:
        height, width = photograph.pixels.shape[:2]
        for region in regions(height, width).values():
            if min(region.bottom - region.top, region.right - region.left) < SMALLEST_SIDE:
                raise ExperimentError(
                    f"{photograph.source}: {width}×{height} pixels are too few for crops out of disjoint regions; "
                    f"leave it out, or give one of at least {SMALLEST_SIDE} × {3 * SMALLEST_SIDE}"
                )


def random_square(region: Region, generator: np.random.Generator, smallest: float, largest: float) -> Region:
    """Draw a square inside a region.

    Parameters
    ----------
    region : in pixels; its short side is at least `SMALLEST_SIDE`, as `refuse_small` makes sure.
    generator : of the square's size and place.
    smallest, largest : bounds of the square's side as a share of the region's short side, 0-1; it has at least
        `SMALLEST_SIDE` pixels all the same.
    """
    height, width = region.bottom - region.top, region.right - region.left
    short = min(height, width)
    side = int(np.clip(short * generator.uniform(smallest, largest), SMALLEST_SIDE, short))
    top = region.top + int(generator.integers(height - side + 1))
    left = region.left + int(generator.integers(width - side + 1))
    return Region(top, left, top + side, left + side)


def cut(pixels: np.ndarray, square: Region) -> np.ndarray:
    """Cut a square out of a picture, (H, W, 3) uint8, and scale it to (CROP, CROP, 3) by area."""
    part = pixels[square.top : square.bottom, square.left : square.right]
    return cv2.resize(part, (CROP, CROP), interpolation=cv2.INTER_AREA)


def write_task(
    photographs: Sequence[Photograph], folder: Path, counts: CropCounts = CropCounts(), seed: int = 0
) -> Generator[Progress, None, None]:
    """Cut the crops of all photographs into ``folder``.

    Writes ``train/*.png`` and ``test/*.png``, the image lists ``train.txt`` and ``test.txt`` (path and label per line,
    shuffled once, as ImageData reads them) and ``classes.txt``.

    Parameters
    ----------
    photographs : at least two, none too small (`refuse_small`); the label of a crop is its photograph's position here.
    folder : where to write; made when it is missing.
    counts : crops per photograph.
    seed : of the crops' places and of the order of the lists.
    """
    generator = np.random.default_rng(seed)
    lists: dict[str, list[str]] = {"train": [], "test": []}
    total = len(photographs) * (counts.train + counts.test)
    done = 0
    for label, photograph in enumerate(photographs):
        for split, region in regions(*photograph.pixels.shape[:2]).items():
            for number in range(getattr(counts, split)):
                name = f"{split}/{label:02d}_{photograph.name.replace(' ', '_')}_{number:03d}.png"
                square = random_square(region, generator, 0.3, 0.7)
                write_bytes(folder / name, _png(cut(photograph.pixels, square)))
                lists[split].append(f"{name} {label}")
                done += 1
                yield Progress(done, total, "cut: crops")
    for split, lines in lists.items():
        order = generator.permutation(len(lines))
        write_text(folder / f"{split}.txt", "".join(f"{lines[index]}\n" for index in order))
    write_text(folder / "classes.txt", "".join(f"{photograph.name}\n" for photograph in photographs))


def scene_crops(photographs: Sequence[Photograph], count: int, seed: int = 0) -> np.ndarray:
    """Cut large random squares, most of the scene in each, out of photographs in turn.

    Parameters
    ----------
    photographs : at least one.
    count : squares in all.
    seed : of their places.

    Returns
    -------
    (count, CROP, CROP, 3) uint8 RGB.
    """
    generator = np.random.default_rng(seed)
    crops = []
    for index in range(count):
        pixels = photographs[index % len(photographs)].pixels
        whole = Region(0, 0, *pixels.shape[:2])
        crops.append(cut(pixels, random_square(whole, generator, 0.5, 1.0)))
    return np.stack(crops)


def _png(rgb: np.ndarray) -> bytes:
    return cv2.imencode(".png", rgb[:, :, ::-1])[1].tobytes()
