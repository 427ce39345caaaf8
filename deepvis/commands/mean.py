"""``deepvis mean``: mean and standard deviation of a data set, in the conventions of PyTorch and of Caffe."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from deepvis.commands.doctor import DoctorOptions, examine
from deepvis.commands.option_types import Number, Place, Switch
from deepvis.errors import SettingsError
from deepvis.pixels import text
from deepvis.pixels.array_mean import array_mean, holds_arrays
from deepvis.pixels.dataset_mean import CHANNEL_ORDERS, PixelSums, dataset_mean
from deepvis.sources import Images, ImageSource, open_images
from deepvis.sources.opening import Cutting
from prototxt.common.atomic import atomic_path, write_text
from prototxt.common.progress import with_bar
from prototxt.formats.blob import write_blob
from prototxt.pixels.change import change_preprocessing
from prototxt.pixels.preprocess import Preprocessing

NO_DOCTOR = DoctorOptions()


def mean_command(
    *,
    images: Path,
    resize: str = "none",
    crop: str = "none",
    out: Place = None,
    mean_image: Place = None,
    workers: Number = None,
    every: Number = None,
    strict: Switch = False,
    doctor: Annotated[DoctorOptions, tyro.conf.OmitArgPrefixes] = NO_DOCTOR,
) -> None:
    """Compute mean and standard deviation per channel over all pixels of a data set.

    With --doctor: find out which normalisation a net was trained with.

    Parameters
    ----------
    images
        folder (with the folders in it), list with one path (or two) per line, LMDB, or video.
    resize
        none, one number (length of the shorter side), or height,width.
    crop
        height,width cut from the centre, or none.
    out
        JSON file to write; `deepvis scan --statistics` reads it. With --doctor it is the preprocessing that was found;
        `deepvis scan --preprocessing` reads it.
    mean_image
        file for the mean picture, BGR 0-255: .binaryproto for Caffe's mean_file, or .npy.
    workers
        decoding threads; one per core if it is not given.
    every
        take every n-th frame of videos.
    strict
        stop at the first picture that cannot be used.
    """
    if mean_image is not None and mean_image.suffix not in WRITERS:
        raise SettingsError(f"--mean-image {mean_image}: must end with {' or '.join(WRITERS)}")
    geometry = change_preprocessing(
        Preprocessing(), resize_to=text.resize_to(resize, "--resize"), crop=text.crop(crop, "--crop")
    )
    if doctor.doctor is not None:
        examine(doctor, images, geometry, out, workers)
        return
    source = open_images(images, cutting=Cutting(every=every))
    if holds_arrays(source):
        if mean_image is not None:
            raise SettingsError(
                f"--mean-image {mean_image}: these images are arrays, which have means of channels only"
            )
        _mean_of_arrays(source, geometry, out, workers, strict)
        return
    sums = with_bar(dataset_mean(source, geometry, mean_image=mean_image is not None, workers=workers, strict=strict))
    if mean_image is not None:
        WRITERS[mean_image.suffix](mean_image, sums.mean_image("BGR"))
    if out is not None:
        write_text(out, json.dumps(_record(source, geometry, sums), indent=2) + "\n")
    _report(sums)


def _mean_of_arrays(
    source: Images, geometry: Preprocessing, out: Path | None, workers: int | None, strict: bool
) -> None:
    sums = with_bar(array_mean(source, geometry, workers=workers, strict=strict))
    mean, std = sums.mean_and_std()
    if out is not None:
        # As for pictures the file counts in 0-1, of which 255 is one.
        stored = {"mean": [value / 255 for value in mean], "std": [value / 255 for value in std]}
        counts = {"images": sums.images, "unusable": len(sums.errors), "values": sums.values}
        write_text(out, json.dumps({"STORED": stored, **counts, "images_hash": source.hash}, indent=2) + "\n")
    print(f"{sums.images} arrays, {sums.values} values in each of {len(mean)} channels")
    print(f"--channel-order STORED --mean {_numbers(mean)} --std {_numbers(std)}")
    if sums.errors:
        print(f"{len(sums.errors)} images could not be used; the first: {sums.errors[0]}", file=sys.stderr)


def _write_npy(path: Path, array: np.ndarray) -> None:
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.save(file, array)


WRITERS = {".binaryproto": write_blob, ".npy": _write_npy}


def _record(source: ImageSource, geometry: Preprocessing, sums: PixelSums) -> dict[str, object]:
    """What the JSON file says: means and deviations for pixels 0-1 by channel order, and the exact sums behind them."""
    orders = {
        order: {
            "mean": [value / 255 for value in sums.mean(order)],
            "std": [value / 255 for value in sums.std(order)],
        }
        for order in CHANNEL_ORDERS
    }
    return {
        **orders,
        "images": sums.images,
        "unusable": len(sums.errors),
        "pixels": sums.pixels,
        "sums_r_g_b_grey": sums.sums,
        "squares_r_g_b_grey": sums.squares,
        "resize": geometry.resize,
        "resize_to": list(geometry.resize_to),
        "crop": list(geometry.crop),
        "images_hash": source.hash,
    }


def _report(sums: PixelSums) -> None:
    rgb_mean, rgb_std = ([value / 255 for value in values] for values in (sums.mean("RGB"), sums.std("RGB")))
    values = "  ".join(f"mean_value: {value:.4f}" for value in sums.mean("BGR"))
    print(f"{sums.images} images, {sums.pixels} pixels")
    print(f"PyTorch (RGB, pixels 0-1):   --mean {_numbers(rgb_mean)} --std {_numbers(rgb_std)}")
    print(f"Caffe (BGR, pixels 0-255):   transform_param {{ {values} }}")
    print(f"                             standard deviation {_numbers(sums.std('BGR'))}")
    if sums.errors:
        print(f"{len(sums.errors)} images could not be used; the first: {sums.errors[0]}", file=sys.stderr)


def _numbers(values: list[float]) -> str:
    return ",".join(f"{value:.4f}" for value in values)
