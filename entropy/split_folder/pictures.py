"""The image lists of a new task: checked before anything is written, and copied on request."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from entropy.errors import PlanError
from entropy.measuring.listed_pictures import read_listed
from prototxt.common.atomic import write_bytes
from prototxt.common.progress import Progress
from prototxt.pixels.field_types import ChannelOrder
from prototxt.pixels.preprocess import Preprocessing
from torchcaffe.data.image_list import Entry, read_image_list

PICTURES = "pictures"


@dataclass(frozen=True)
class Pictures:
    """A checked image list.

    Parameters
    ----------
    entries : full path, label and ``file:line`` of every picture.
    text : the list as it stands.
    root_folder : what Caffe, started in the output folder, must put before every path in the text.
    """

    entries: list[Entry]
    text: str
    root_folder: str

    @property
    def count(self) -> int:
        """Number of pictures."""
        return len(self.entries)

    @property
    def classes(self) -> int:
        """Largest label + 1."""
        return max(entry.label for entry in self.entries) + 1


def read_pictures(source: Path, root: Path | None, out: Path, classes: int | None) -> Pictures:
    """Read an image list and check that every picture is there and every label is a class.

    Parameters
    ----------
    source : "path label" lines.
    root : folder that relative paths start from; by default the list's own.
    out : folder that Caffe will be started in.
    classes : number of classes, or None to take any label.

    Raises
    ------
    PlanError : a missing picture, a label out of range, absolute and relative paths mixed; names the line.
    FormatError : the list cannot be read.
    """
    root = (source.parent if root is None else root).resolve()
    listed = read_image_list(source)
    absolute = {Path(entry.path).is_absolute() for entry in listed}
    if len(absolute) > 1:
        raise PlanError(f"{source}: mixes absolute and relative paths; Caffe puts one folder before all of them")
    for entry in listed:
        if not (root / entry.path).is_file():
            raise PlanError(
                f"{entry.where}: there is no picture {root / entry.path}; mend the list, or give its folder"
            )
        if entry.label < 0 or (classes is not None and entry.label >= classes):
            allowed = f"0 to {classes - 1}" if classes is not None else "0 or more"
            raise PlanError(f"{entry.where}: label {entry.label} is no class; allowed is {allowed}")
    prefix = "" if absolute == {True} else os.path.relpath(root, out.resolve()) + "/"
    entries = [dataclasses.replace(entry, path=str(root / entry.path)) for entry in listed]
    return Pictures(entries, source.read_text(), prefix)


def list_of_copies(pictures: Pictures, name: str) -> Pictures:
    """Give the list that names the copies of these pictures, seen from the folder that they are copied to.

    Parameters
    ----------
    name : what the copies' names start with.
    """
    lines = [f"{_copy_name(name, number)} {entry.label}\n" for number, entry in enumerate(pictures.entries)]
    return Pictures(pictures.entries, "".join(lines), "")


def copying_pictures(
    pictures: Pictures, out: Path, name: str, preprocessing: Preprocessing
) -> Generator[Progress, None, None]:
    """Copy pictures as PNG of 8 bits into ``pictures/`` in a folder: what a scan sees, resized, grey for a grey net.

    Parameters
    ----------
    out, name : the folder, and what the copies' names start with; as in `list_of_copies`.
    preprocessing : its resizing is done, and its grey; Caffe does the rest.

    Raises
    ------
    ImageError : a file is no picture; names the line of the list.
    """
    order: ChannelOrder = "GRAY" if preprocessing.channel_order == "GRAY" else "BGR"
    resized = dataclasses.replace(
        preprocessing, channel_order=order, raw_scale=1, mean=(), mean_image=None, std=(), crop=()
    )
    what = f"copying: {name} pictures"
    for number, entry in enumerate(pictures.entries):
        yield Progress(number, pictures.count, what)
        pixels = resized.apply(read_listed(entry)).astype(np.uint8).transpose(1, 2, 0)
        write_bytes(out / _copy_name(name, number), cv2.imencode(".png", np.ascontiguousarray(pixels))[1].tobytes())
    yield Progress(pictures.count, pictures.count, what)


def _copy_name(name: str, number: int) -> str:
    return f"{PICTURES}/{name}_{number:06d}.png"
