"""The image lists of a new task: checked before anything is written."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from entropy.errors import PlanError
from torchcaffe.data.image_list import read_image_list


@dataclass(frozen=True)
class Pictures:
    """A checked image list.

    Parameters
    ----------
    text : the list as it stands.
    root_folder : what Caffe, started in the output folder, must put before every path.
    count : number of pictures.
    classes : largest label + 1.
    """

    text: str
    root_folder: str
    count: int
    classes: int


def read_pictures(source: Path, root: Path | None, out: Path, classes: int | None) -> Pictures:
    """Read an image list and check that every picture is there and every label is a class.

    Parameters
    ----------
    source : "path label" lines.
    root : folder that relative paths start from; by default the list's own.
    out : folder that Caffe will be started in.
    classes : number of classes, or None to take the largest label + 1.

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
    largest = max(entry.label for entry in listed)
    for entry in listed:
        if not (root / entry.path).is_file():
            raise PlanError(
                f"{entry.where}: there is no picture {root / entry.path}; mend the list, or give its folder"
            )
        if entry.label < 0 or (classes is not None and entry.label >= classes):
            allowed = f"0 to {classes - 1}" if classes is not None else "0 or more"
            raise PlanError(f"{entry.where}: label {entry.label} is no class; allowed is {allowed}")
    prefix = "" if absolute == {True} else os.path.relpath(root, out.resolve()) + "/"
    return Pictures(source.read_text(), prefix, len(listed), largest + 1)
