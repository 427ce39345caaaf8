"""The files of a training net."""

from __future__ import annotations

import os
from pathlib import Path

from converters.conversion import Conversion
from converters.training.data import TrainingData
from converters.training.net import training_net
from converters.training.solver import training_solver
from prototxt.formats.schema import LayerParameter
from prototxt.formats.text import write_message

NET, SOLVER = "train_val.prototxt", "solver.prototxt"
SOURCES = ("image_data_param", "data_param", "hdf5_data_param")


def write_training(folder: Path, start: Path, stem: str, conversion: Conversion, data: TrainingData) -> tuple[str, ...]:
    """Write ``train_val.prototxt`` and ``solver.prototxt``.

    Parameters
    ----------
    folder : where the files are written.
    start : where Caffe will be started: the folder that they are in at last.
    stem : of the snapshots.

    Returns
    -------
    what was guessed or left out, a sentence each.
    """
    made = training_net(conversion, data)
    for layer in made.net.layer:
        _see_from(start, layer)
    write_message(folder / NET, made.net)
    write_message(folder / SOLVER, training_solver(NET, f"{stem}_train", data, made.net))
    absent = [name for name in (data.train, data.val) if not Path(name).exists()]
    missing = [f"{' and '.join(absent)}: not there yet; {NET} looks for it beside itself"] if absent else []
    return (*made.notes, *missing)


def _see_from(start: Path, layer: LayerParameter) -> None:
    """Name the data of a layer as they are seen from ``start``; what is not there yet stays as it is called."""
    for name in SOURCES:
        source = Path(getattr(layer, name).source) if layer.HasField(name) else None
        if source is None or not source.exists():
            continue
        getattr(layer, name).source = _path(source, start)
        if name == "image_data_param":
            root = _root(source)
            if root is not None:
                layer.image_data_param.root_folder = _path(root, start) + "/"


def _path(path: Path, start: Path) -> str:
    return os.path.relpath(path.resolve(), start.resolve())


def _root(images: Path) -> Path | None:
    """The folder that the pictures of a list are named from: the list's own, or the current one; None for neither."""
    with images.open() as file:
        first = file.readline().rpartition(" ")[0]
    folders = [folder for folder in (images.parent, Path()) if (folder / first).is_file()]
    return folders[0] if folders and not Path(first).is_absolute() else None
