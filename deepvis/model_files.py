"""Which files make up a model, whatever a user gives to mean it."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from converters.files import read_conversion, write_conversion
from deepvis.errors import ModelError
from deepvis.progress import Progress
from prototxt.errors import FormatError
from prototxt.preprocess import Preprocessing

CONVERSION = "conversion.json"
BASELINE = "model.json"
CLASSES = "classes.txt"
WEIGHTS = (".caffemodel", ".caffemodel.h5")
CACHE = Path("~/.cache/deepvis/models")


@dataclass(frozen=True)
class ModelFiles:
    """The parts of a model; ``preprocessing`` and ``classes`` are None where nothing is said of them."""

    net: Path
    weights: Path
    preprocessing: Preprocessing | None = None
    classes: Path | None = None


def find_model(path: Path, weights: Path | None = None, cache: Path = CACHE) -> Generator[Progress, None, ModelFiles]:
    """Find the files of a model; a PyTorch baseline is converted first, once.

    Parameters and errors are those of `deepvis.model.open_model`.
    """
    if path.is_dir():
        path = yield from _in_folder(path, cache.expanduser())
    if not path.is_file():
        raise ModelError(f"{path}: does not exist; give a folder of a conversion, a conversion.json, or a prototxt")
    if path.name == CONVERSION:
        return _of_conversion(path, weights)
    if path.suffix != ".prototxt":
        raise ModelError(f"{path}: is no model; give a folder of a conversion, a conversion.json, or a .prototxt")
    conversion = path.with_name(CONVERSION)
    if weights is None and conversion.is_file() and (files := _of_conversion(conversion, None)).net.name == path.name:
        return files
    return ModelFiles(path, weights or _weights_beside(path), classes=_existing(path.with_name(CLASSES)))


def _in_folder(folder: Path, cache: Path) -> Generator[Progress, None, Path]:
    """Give the file in a folder that stands for the model."""
    if (folder / CONVERSION).is_file():
        return folder / CONVERSION
    if (folder / BASELINE).is_file():
        converted = yield from _converted(folder, cache)
        return converted / CONVERSION
    nets = sorted(folder.glob("*.prototxt"))
    deploy = [net for net in nets if "deploy" in net.name] or nets
    if len(deploy) == 1:
        return deploy[0]
    found = f"several nets ({', '.join(net.name for net in nets)}); name one" if nets else "no prototxt in it"
    raise ModelError(f"{folder}: is no model: it has neither {CONVERSION} nor {BASELINE}, and {found}")


def _of_conversion(path: Path, weights: Path | None) -> ModelFiles:
    conversion = read_conversion(path)
    return ModelFiles(
        conversion.prototxt, weights or conversion.caffemodel, conversion.preprocessing, conversion.classes
    )


def _weights_beside(net: Path) -> Path:
    """The caffemodel with the name of the net, or else the only one in its folder."""
    for suffix in WEIGHTS:
        if net.with_suffix(suffix).is_file():
            return net.with_suffix(suffix)
    found = sorted(file for suffix in WEIGHTS for file in net.parent.glob(f"*{suffix}"))
    if len(found) == 1:
        return found[0]
    beside = "there are several beside it" if found else "there are none beside it"
    raise ModelError(f"{net}: which weights? {beside}; give --weights FILE.caffemodel")


def _existing(path: Path) -> Path | None:
    return path if path.is_file() else None


def _converted(folder: Path, cache: Path) -> Generator[Progress, None, Path]:
    """Convert a PyTorch baseline into the cache, if it is not there yet; ``conversion.json`` is written last."""
    target = cache / f"{folder.resolve().name}-{_folder_hash(folder)[:16]}"
    if (target / CONVERSION).is_file():
        return target
    from converters.conversion import convert  # only here: torchvision and torch.export take a second to import
    from converters.source import build, describe_folder

    what = f"convert {folder.name} to Caffe"
    yield Progress(0, 2, what)
    description = describe_folder(folder)
    source = build(description)
    conversion = convert(
        source.model, description.input_shape, description.preprocessing(), source.names, folder.resolve().name
    )
    yield Progress(1, 2, what)
    try:
        write_conversion(target, folder.resolve().name, conversion, source.about, classes=description.classes)
    except FormatError as error:
        raise ModelError(f"{cache}: cannot be written to; set cache to another folder in the settings") from error
    yield Progress(2, 2, what)
    return target


def _folder_hash(folder: Path) -> str:
    """SHA-256 (hex) over the baseline's files and the version of the converter."""
    digest = hashlib.sha256(version("deepvis-caffe").encode())
    for file in sorted(folder.iterdir()):
        if file.is_file():
            digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()
