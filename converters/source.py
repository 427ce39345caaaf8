"""What is to be converted: a model by name, by factory or from a bundled folder, with its weights and its pixels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from converters.architectures import Architecture, architecture, architecture_names
from converters.conversion import Conversion, convert
from converters.errors import ConversionError
from converters.importing import import_named
from converters.onnx.file import OnnxFile, open_onnx
from converters.state_dict import COUNTERS, Checkpoint, StateDict, fit, named_like, read_checkpoint, state_hash
from converters.verdict import Verification
from prototxt.common.errors import FormatError
from prototxt.common.names import did_you_mean
from prototxt.pixels.preprocess import Preprocessing


@dataclass(frozen=True)
class Description:
    """A model that can be built.

    Parameters
    ----------
    arch : a name that `converters.architectures.architecture` knows, or "".
    module : ``package.module:factory``, or "".
    weights : file of weights, or None.
    input_shapes : batch first, by the names of the forward's parameters; "" for the only one.
    mean, std : of the pixels in 0-1, RGB.
    resize : shorter side of a picture before its centre is cut out; None for 256/224 of the crop.
    classes : text file of class names, one a line, or None.
    weights_key : where in the file the weights lie, "" to look under the usual ones.
    ignore_surplus : leave out weights that the model does not have.
    onnx : the model, where it is an ONNX file.
    """

    arch: str
    module: str
    weights: Path | None
    input_shapes: Mapping[str, tuple[int, ...]]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resize: int | None = None
    classes: Path | None = None
    weights_key: str = ""
    ignore_surplus: bool = False
    onnx: OnnxFile | None = None

    @property
    def input_shape(self) -> tuple[int, ...]:
        """That of the first input; empty where none is known yet."""
        return next(iter(self.input_shapes.values()), ())

    def preprocessing(self) -> Preprocessing | None:
        """From pixels to the model's first input, None if that is no picture (N, 1 or 3, height, width)."""
        if len(self.input_shape) != 4 or self.input_shape[1] not in (1, 3):
            return None
        return Preprocessing.from_pytorch(self.mean, self.std, self.input_shape, self.resize)


@dataclass(frozen=True, eq=False)
class Source:
    """A model in evaluation mode, with what `conversion.json` says about where it came from.

    Parameters
    ----------
    model : float32, on the CPU.
    names : Caffe layer names by place in the model.
    about : ``arch`` or ``module`` (or ``onnx``), ``weights`` (file name or seed) and ``weights_hash``.
    notes : what was guessed or left out, a sentence each.
    """

    model: nn.Module
    names: dict[str, str]
    about: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def convert(self, description: Description, title: str, softmax: bool) -> Conversion:
        """Convert the model; parameters and errors are those of `converters.conversion.convert`."""
        pixels = description.preprocessing()
        return convert(self.model, description.input_shapes, pixels, self.names, title=title, softmax=softmax)

    def judged(self) -> list[Verification]:
        """What the program that the model comes from says of it, where that is another than PyTorch."""
        return []


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
    known = _architecture(arch) if arch else None
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


def fits(arch: str, state: StateDict) -> bool:
    """Whether weights have the names and shapes of a named network's; False for one that is not built in passing."""
    if not _architecture(arch).without_memory:
        return False
    state, _ = named_like(state, _names_of_weights(arch))
    shapes = {key: tuple(value.shape) for key, value in state.items() if not key.endswith(COUNTERS)}
    if shapes.keys() != _names_of_weights(arch):
        return False
    with torch.device("meta"):
        model = _architecture(arch).build(shapes)
    return shapes == {key: tuple(value.shape) for key, value in model.state_dict().items() if key in shapes}


@cache
def _names_of_weights(arch: str) -> frozenset[str]:
    known = _architecture(arch)
    with torch.device("meta") if known.without_memory else nullcontext():
        model = known.build({})
    return frozenset(key for key in model.state_dict() if not key.endswith(COUNTERS))


def build(description: Description, random_seed: int | None = None) -> Source:
    """Build the model and load its weights.

    Parameters
    ----------
    random_seed : where there is no file of weights: seed of random ones.

    Raises
    ------
    ConversionError : if the name or factory is unknown, there are no weights and no seed, or the weights do not fit.
    FormatError : if the file of weights cannot be read.
    """
    if description.onnx is not None:
        from converters.onnx.source import built_source  # whose class derives from `Source`

        return built_source(description.onnx)
    if description.weights is None and random_seed is None and description.arch:
        raise ConversionError(f"{description.arch} has no weights; give --weights FILE, or --random-weights to try it")
    file, key = description.weights, description.weights_key
    checkpoint = read_checkpoint(file, key) if file else Checkpoint({})
    state = checkpoint.state
    if file and description.arch:
        state, _ = named_like(state, _names_of_weights(description.arch))
    model = _model(description, {key: tuple(value.shape) for key, value in state.items()}, random_seed)
    left_out = fit(model, checkpoint.state, str(file), description.ignore_surplus) if file else ()
    weights = {"weights": description.weights.name} if description.weights else {"random_seed": random_seed}
    return Source(
        model=model.float().eval(),
        names=_architecture(description.arch).names(model) if description.arch else {},
        about={
            **({"arch": description.arch} if description.arch else {"module": description.module}),
            **weights,
            "weights_hash": state_hash(model.state_dict()),
        },
        notes=(*checkpoint.notes, *left_out),
    )


def _model(description: Description, shapes: Mapping[str, tuple[int, ...]], random_seed: int | None) -> nn.Module:
    """The model without its weights: on the meta device where they come from a file, as filling takes seconds."""
    if description.module:
        return _from_factory(description.module, random_seed)
    known = _architecture(description.arch)
    if shapes and known.without_memory:
        with torch.device("meta"):
            return known.build(shapes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(random_seed or 0)
        return known.build(shapes)


def _architecture(name: str) -> Architecture:
    found = architecture(name)
    if found is None:
        names = architecture_names()
        hint = did_you_mean(name, names, f"choose one of {', '.join(names)}")
        raise ConversionError(
            f"architecture {name!r} is unknown; {hint}, or give your own with --module package.module:factory"
        )
    return found


def _from_factory(module: str, random_seed: int | None) -> nn.Module:
    found = import_named("--module", module)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(random_seed or 0)
            model = found if isinstance(found, nn.Module) else found()
    except Exception as error:  # the user's code may raise anything
        raise ConversionError(
            f"--module {module}: gives no model ({type(error).__name__}: {error}); it must name a function without "
            "arguments that returns a torch.nn.Module"
        ) from error
    if not isinstance(model, nn.Module):
        raise ConversionError(f"--module {module}: gives a {type(model).__name__}, not a torch.nn.Module")
    return model
