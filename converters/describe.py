"""Descriptions of models: by name, by factory, from a bundled folder, from an ONNX file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from converters.architectures import Architecture, architecture, architecture_names
from converters.errors import ConversionError
from converters.onnx.file import open_onnx
from converters.source import Description
from prototxt.common.errors import FormatError
from prototxt.common.names import did_you_mean


def describe_folder(folder: Path) -> Description:
    """Read a bundled model's folder.

    It holds ``model.json`` {arch, input_shape, mean, std}, ``weights.safetensors`` and, where there are class names,
    ``classes.txt``.

    Raises
    ------
    FormatError : if ``model.json`` is missing, is no JSON, or lacks one of the four.
    """
    path = folder / "model.json"
    try:
        values = json.loads(path.read_text())
        arch = str(values["arch"])
        known = architecture(arch)
        resize = values.get("resize", known.resize if known else None)
        classes = folder / "classes.txt"
        return Description(
            arch=arch,
            module="",
            weights=folder / "weights.safetensors",
            input_shapes={"": tuple(map(int, values["input_shape"]))},
            mean=tuple(map(float, values["mean"])),
            std=tuple(map(float, values["std"])),
            resize=resize,
            classes=classes if classes.exists() else None,
        )
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror}); give the folder of a model") from error
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(
            f"{path}: is no description of a model ({error}); it needs arch, input_shape, mean and std"
        ) from error


def describe_model(arch: str, module: str, weights: Path | None, input_shape: tuple[int, ...] = ()) -> Description:
    """Describe a model by name or factory, its pixels as those of the named network (of a factory's model 0 to 1).

    Parameters
    ----------
    arch : a name that `architecture` knows, or "".
    module : ``package.module:factory``, or "".
    weights : file of weights, or None.
    input_shape : batch first; may be empty for a name, whose own it then is.

    Raises
    ------
    ConversionError : if the name is unknown.
    """
    known = known_architecture(arch) if arch else None
    channels = (input_shape or (1, 3))[1]
    usual = known is not None and input_shape[2:] in ((), known.input_shape[2:])
    return Description(
        arch=arch,
        module=module,
        weights=weights,
        input_shapes={"": shape} if (shape := input_shape or (known.input_shape if known else ())) else {},
        mean=known.mean if known else (0.0,) * channels,
        std=known.std if known else (1.0,) * channels,
        resize=known.resize if known and usual else None,
    )


def describe_onnx(path: Path, input_shapes: Mapping[str, tuple[int, ...]] | None = None) -> Description:
    """Read an ONNX model and describe it, its pixels from 0 to 1.

    Parameters
    ----------
    input_shapes : by name of the input, "" for the only one, as the file has the axes; for axes that it leaves open.

    Raises
    ------
    ConversionError, FormatError : as `converters.onnx.file.open_onnx`.
    """
    file = open_onnx(path, input_shapes)
    first = next(iter(file.shapes.values()))
    channels = first[1] if len(first) > 1 else 1
    return Description("", "", None, file.shapes, (0.0,) * channels, (1.0,) * channels, onnx=file)


def known_architecture(name: str) -> Architecture:
    """The named network.

    Raises
    ------
    ConversionError : if the name is unknown, with the nearest one.
    """
    found = architecture(name)
    if found is None:
        names = architecture_names()
        hint = did_you_mean(name, names, f"choose one of {', '.join(names)}")
        raise ConversionError(
            f"architecture {name!r} is unknown; {hint}, or give your own with --module package.module:factory"
        )
    return found
