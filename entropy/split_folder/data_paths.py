"""Data layers of a train_val net as it is, made to find their data from another folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from entropy.errors import PlanError
from prototxt.formats.schema import LayerParameter, NetParameter

# Layer type to the field that names its source.
SOURCES = {
    "Data": "data_param",
    "HDF5Data": "hdf5_data_param",
    "ImageData": "image_data_param",
    "WindowData": "window_data_param",
    "InfogainLoss": "infogain_loss_param",
}


def seen_from(net: NetParameter, start: Path, out: Path) -> tuple[NetParameter, dict[str, str]]:
    """Rewrite the paths in a net's data layers so that they hold when Caffe is started in ``out``.

    Parameters
    ----------
    net : left as it is.
    start : the folder that its relative paths are seen from now.
    out : the folder that Caffe will be started in.

    Returns
    -------
    A new net, and the lists (name to text) that must be written to ``out`` because the paths *in* them are relative.

    Raises
    ------
    PlanError : a source that is not there; names the layer.
    """
    result = NetParameter()
    result.CopyFrom(net)
    lists: dict[str, str] = {}
    for layer in result.layer:
        if layer.transform_param.mean_file:
            layer.transform_param.mean_file = _moved(layer.transform_param.mean_file, layer, start, out)
        if layer.type not in SOURCES:
            continue
        param = getattr(layer, SOURCES[layer.type])
        if not param.source:
            continue
        if layer.type == "HDF5Data":
            name = f"{layer.name}_{layer.include[0].phase if layer.include else 0}_files.txt".replace("/", "_")
            lists[name] = "".join(
                f"{_moved(line, layer, start, out)}\n" for line in _lines(start / param.source, layer)
            )
            param.source = name
            continue
        if layer.type in ("ImageData", "WindowData") and not Path(param.root_folder or "x").is_absolute():
            folder = os.path.relpath(start / param.root_folder, out)
            # The root folder is put before the paths as text, so it may end in part of a file name.
            param.root_folder = folder + "/" if param.root_folder.endswith("/") or not param.root_folder else folder
        param.source = _moved(param.source, layer, start, out)
    return result, lists


def _lines(path: Path, layer: LayerParameter) -> Iterator[str]:
    if not path.is_file():
        raise PlanError(f"layer {layer.name!r} ({layer.type}): there is no {path}; start where the net's paths hold")
    return (line.strip() for line in path.read_text().splitlines() if line.strip())


def _moved(path: str, layer: LayerParameter, start: Path, out: Path) -> str:
    if not (start / path).exists():
        raise PlanError(
            f"layer {layer.name!r} ({layer.type}): there is no {start / path}; start in the folder from which the "
            "net's paths hold"
        )
    return path if Path(path).is_absolute() else os.path.relpath(start / path, out)


def absolute(net: NetParameter, folder: Path) -> NetParameter:
    """Copy a net of data layers whose paths are seen from a folder, with paths that hold everywhere.

    Parameters
    ----------
    net : its lists and mean file need not be there yet.
    """
    result = NetParameter()
    result.CopyFrom(net)
    for layer in result.layer:
        if layer.transform_param.mean_file:
            layer.transform_param.mean_file = str((folder / layer.transform_param.mean_file).absolute())
        if layer.type == "ImageData":
            param = layer.image_data_param
            param.source = str((folder / param.source).absolute())
            if param.root_folder and not Path(param.root_folder).is_absolute():
                param.root_folder = f"{(folder / param.root_folder).absolute()}/"
            elif not param.root_folder and not _lists_absolute(Path(param.source)):
                param.root_folder = f"{folder.absolute()}/"
    return result


def _lists_absolute(source: Path) -> bool:
    """Whether a list names its pictures by absolute paths; they are all of one kind."""
    with source.open() as lines:
        return Path(next(lines, "")).is_absolute()
