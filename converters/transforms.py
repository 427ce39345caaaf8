"""Mean, standard deviation and sizes from the transforms that a model was evaluated with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import partial
from inspect import isfunction
from typing import Any

from torchvision.transforms import transforms as v1
from torchvision.transforms import v2

from converters.errors import ConversionError
from converters.importing import import_named


@dataclass(frozen=True)
class Pixels:
    """What transforms say.

    Parameters
    ----------
    mean, std : of the pixels in 0-1, RGB; empty where nothing normalises.
    resize : shorter side of a picture before its centre is cut out, or None.
    crop : (height, width), () for none.
    """

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    resize: int | None = None
    crop: tuple[int, ...] = ()


def read_transforms(place: str) -> Pixels:
    """Read weights of torchvision, their transforms, or a Compose of Resize, CenterCrop, ToTensor and Normalize.

    Parameters
    ----------
    place : ``package.module:name``; a function is called without arguments.

    Raises
    ------
    ConversionError : if there is no such thing, or it does what a Caffe net's preprocessing does not.
    """
    found = import_named("--transforms", place)
    make = found.transforms if isinstance(found, Enum) and hasattr(found, "transforms") else found
    if isfunction(make) or isinstance(make, partial | type) or make is not found:
        try:
            found = make()
        except Exception as error:  # the user's code may raise anything
            raise ConversionError(f"--transforms {place}: fails ({type(error).__name__}: {error})") from error
    if all(hasattr(found, name) for name in ("mean", "std", "crop_size", "resize_size")):  # torchvision's presets
        return Pixels(tuple(found.mean), tuple(found.std), found.resize_size[0], _pair(found.crop_size))
    if not isinstance(found, v1.Compose | v2.Compose):
        raise ConversionError(
            f"--transforms {place}: is a {type(found).__name__}; give weights of torchvision (such as "
            "torchvision.models:ResNet50_Weights.IMAGENET1K_V2), their transforms, or a Compose"
        )
    values = dict(entry for step in found.transforms for entry in _settings(step, place))
    return Pixels(**values)


def _settings(step: Any, place: str) -> Iterator[tuple[str, Any]]:
    """What one step of a Compose sets."""
    name = type(step).__name__
    if name == "Normalize":
        yield from (("mean", tuple(map(float, step.mean))), ("std", tuple(map(float, step.std))))
    elif name == "Resize":
        sizes = step.size if isinstance(step.size, list | tuple) else [step.size]
        if len(sizes) > 1 and sizes[0] != sizes[1]:
            raise ConversionError(f"--transforms {place}: resizes to {tuple(sizes)}; only one length is kept in shape")
        yield "resize", int(sizes[0])
    elif name == "CenterCrop":
        yield "crop", _pair(step.size)
    elif name not in WITHOUT_SETTINGS:
        known = ", ".join(("Normalize", "Resize", "CenterCrop", *WITHOUT_SETTINGS))
        raise ConversionError(f"--transforms {place}: {name} is no part of a Caffe net's preprocessing; known: {known}")


WITHOUT_SETTINGS = ("ToTensor", "PILToTensor", "ToImage", "ToDtype", "ConvertImageDtype")


def _pair(size: Any) -> tuple[int, int]:
    sizes = [int(extent) for extent in size] if isinstance(size, list | tuple) else [int(size)]
    return sizes[0], sizes[-1]
