"""Which files make up a model, whatever a user gives to mean it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from converters.files import read_conversion
from deepvis.errors import ModelError
from deepvis.model.pytorch import (
    BASELINE,
    CONVERSION,
    ONNX,
    SUFFIXES,
    converted_baseline,
    converted_file,
    converted_onnx,
    fitting_architecture,
    is_architecture,
    published,
)
from prototxt.common.progress import Progress
from prototxt.pixels.preprocess import Preprocessing

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


@dataclass(frozen=True)
class Building:
    """How a PyTorch model is built of which only weights are given.

    Parameters
    ----------
    arch : a name of `converters.architectures.architecture_names`, or ``package.module:factory``; None if not known.
    input_shape : batch first; empty for a name's own.
    """

    arch: str | None = None
    input_shape: tuple[int, ...] = ()


def find_model(
    path: Path, weights: Path | None = None, cache: Path = CACHE, building: Building | None = None
) -> Generator[Progress, None, ModelFiles]:
    """Find the files of a model; a PyTorch or ONNX model is converted first, once.

    Parameters and errors are those of `deepvis.model.model.open_model`.
    """
    cache, building = cache.expanduser(), building or Building()
    if path.is_dir() or path.name == BASELINE:
        path = yield from _in_folder(path if path.is_dir() else path.parent, cache)
    elif path.suffix.lower() == ONNX:
        path, weights = (yield from converted_onnx(path, building.input_shape, cache)) / CONVERSION, None
    elif path.suffix.lower() in SUFFIXES or not path.exists():
        path, weights = (yield from _of_pytorch(path, weights, cache, building)), None
    if path.name == CONVERSION:
        return _of_conversion(path, weights)
    if path.name.endswith(WEIGHTS):
        path, weights = _net_beside(path), weights or path
    if path.suffix != ".prototxt":
        raise ModelError(f"{path}: is no model; give a folder of a conversion, a conversion.json, or a .prototxt")
    conversion = path.with_name(CONVERSION)
    if weights is None and conversion.is_file() and (files := _of_conversion(conversion, None)).net.name == path.name:
        return files
    return ModelFiles(path, weights or _weights_beside(path), classes=_existing(path.with_name(CLASSES)))


def _of_pytorch(path: Path, weights: Path | None, cache: Path, building: Building) -> Generator[Progress, None, Path]:
    """Convert a file of PyTorch weights, or a network by its name."""
    if path.exists():
        if building.arch is None:
            fitting = yield from fitting_architecture(path)
            hint = f"; {fitting} fits" if fitting else ""
            raise ModelError(f"{path}: holds weights alone; say of what, with --arch NAME or PACKAGE:FACTORY{hint}")
        return (yield from converted_file(path, building.arch, building.input_shape, cache)) / CONVERSION
    if not is_architecture(path.name):
        raise ModelError(
            f"{path}: does not exist; give a folder of a conversion, a conversion.json, a prototxt, a file of PyTorch "
            "weights, or the name of a network of torchvision"
        )
    if weights is None:
        return (yield from published(path.name, cache)) / CONVERSION
    return (yield from converted_file(weights, path.name, building.input_shape, cache)) / CONVERSION


def _in_folder(folder: Path, cache: Path) -> Generator[Progress, None, Path]:
    """Give the file in a folder that stands for the model."""
    if (folder / CONVERSION).is_file():
        return folder / CONVERSION
    if (folder / BASELINE).is_file():
        return (yield from converted_baseline(folder, cache)) / CONVERSION
    nets = sorted(folder.glob("*.prototxt"))
    if len(deploy := _deploy(nets)) == 1:
        return deploy[0]
    found = f"several nets ({', '.join(net.name for net in nets)}); name one" if nets else "no prototxt in it"
    raise ModelError(f"{folder}: is no model: it has neither {CONVERSION} nor {BASELINE}, and {found}")


def _deploy(nets: list[Path]) -> list[Path]:
    """The nets that are called deploy, or all of them."""
    return [net for net in nets if "deploy" in net.name] or nets


def _net_beside(weights: Path) -> Path:
    """The prototxt with the name of the weights, or else the only one in their folder."""
    stem = weights.name.removesuffix(".h5").removesuffix(".caffemodel")
    if (same := weights.with_name(f"{stem}.prototxt")).is_file():
        return same
    found = _deploy(sorted(weights.parent.glob("*.prototxt")))
    if len(found) == 1:
        return found[0]
    beside = "there are several prototxts beside it" if found else "there is no prototxt beside it"
    raise ModelError(f"{weights}: of which net? {beside}; give the prototxt, and --weights {weights.name}")


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
