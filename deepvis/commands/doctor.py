"""``deepvis mean --doctor``: which normalisation a net was trained with."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from deepvis.commands.option_types import Place, Switch
from deepvis.errors import SettingsError
from deepvis.model.model import opening
from deepvis.pixels.doctor import NO_BETTER, Diagnosis, Row, diagnose
from deepvis.pixels.mean_file import read_mean
from deepvis.sources import open_images
from prototxt.common.atomic import write_text
from prototxt.common.progress import with_bar
from prototxt.pixels.preprocess import Preprocessing

ROWS_SHOWN = 15


@dataclass(frozen=True)
class DoctorOptions:
    """What the normalisation doctor needs."""

    doctor: Place = None
    """A model: try channel orders, scales, means and standard deviations on labelled images, and show which fit."""
    weights: Place = None
    """For --doctor: caffemodel, if it is not beside the prototxt under the same name."""
    mean_file: Place = None
    """For --doctor: .binaryproto or .npy with a mean image 0-255 in the order of the net's channels, to try too."""
    limit: int = 1000
    """For --doctor: images to use at most."""
    class_folders: Switch = False
    """For --doctor: the first folder below the images' folder is the class of a picture."""
    classes: Place = None
    """For --doctor: text file with the class names in the order of the net's outputs, for --class-folders."""
    device: str = "auto"
    """For --doctor: auto, cpu, mps, cuda, or cuda:N."""


def examine(
    options: DoctorOptions, images: Path, geometry: Preprocessing, out: Path | None, workers: int | None
) -> None:
    """Run the doctor and print its table.

    Parameters
    ----------
    options : what the command line says; ``doctor`` is there.
    images : folder or list.
    geometry : resize rule and crop; the model's own where it has neither.
    out : JSON file for the preprocessing that was found.
    workers : decoding threads.
    """
    if options.doctor is None or options.limit < 1:
        raise SettingsError(f"--limit {options.limit}: must be at least 1")
    model = with_bar(opening(options.doctor, options.weights, None, options.classes))
    own_geometry = geometry.resize == "none" and not geometry.crop
    found = with_bar(
        diagnose(
            model,
            open_images(images, options.class_folders, model.classes),
            geometry=None if own_geometry else geometry,
            mean_image=None if options.mean_file is None else read_mean(options.mean_file),
            limit=options.limit,
            device=options.device,
            workers=workers,
        )
    )
    if out is not None:
        write_text(out, found.chosen.variant.preprocessing.to_json() + "\n")
    _report(found, out)


def _report(found: Diagnosis, out: Path | None) -> None:
    print(f"{'order':6}{'scale, std':20}{'mean':20}{'top-1':>7}{'log p':>9}{'images':>8}")
    for row in found.rows[:ROWS_SHOWN]:
        print(_line(row, found.mark(row)))
    if len(found.rows) > ROWS_SHOWN:
        print(f"… and {len(found.rows) - ROWS_SHOWN} more, all worse")
    if found.tied > 1:
        print(
            f"{found.tied} variants (marked =) cannot be told apart by these images; the commonest of them is marked >"
        )
    print(f"trained with: {_options(found.chosen.variant.preprocessing)}")
    if out is not None:
        print(f"{out}: the whole preprocessing; use it with --preprocessing {out}")
    if found.guessing:
        print(NO_BETTER, file=sys.stderr)
    if found.errors:
        print(f"{len(found.errors)} images could not be used; the first: {found.errors[0]}", file=sys.stderr)


def _line(row: Row, mark: str) -> str:
    order, spread, mean, accuracy, log_probability, images = row.cells
    return f"{order:6}{spread:20}{mean:20}{accuracy:>7}{log_probability:>9}{images:>8} {mark}".rstrip()


def _options(preprocessing: Preprocessing) -> str:
    """The normalisation as options of `deepvis scan`."""
    parts = [f"--channel-order {preprocessing.channel_order}", f"--raw-scale {preprocessing.raw_scale:.10g}"]
    if preprocessing.mean:
        parts.append("--mean " + ",".join(f"{value:.5g}" for value in preprocessing.mean))
    if preprocessing.std:
        parts.append("--std " + ",".join(f"{value:.5g}" for value in preprocessing.std))
    if preprocessing.mean_image is not None:
        parts.append("and the mean image (--out FILE writes it all)")
    return " ".join(parts)
