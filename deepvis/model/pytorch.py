"""PyTorch and ONNX models on their way into the window: converted to Caffe's files once, verified, kept in a cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from deepvis.errors import ModelError
from prototxt.common.atomic import write_text
from prototxt.common.progress import Progress

if TYPE_CHECKING:
    from converters.source import Description

SUFFIXES = frozenset({".pth", ".pt", ".safetensors", ".ckpt", ".bin"})
"""What files of PyTorch weights are called."""

ONNX = ".onnx"
"""What an ONNX model's file is called."""

CONVERSION = "conversion.json"
BASELINE = "model.json"


def is_architecture(name: str) -> bool:
    """Whether a network of this name can be built; torchvision is imported for names that look like one."""
    if not name.isidentifier():
        return False
    from converters.architectures import architecture_names

    return name in architecture_names()


def fitting_architecture(weights: Path) -> Generator[Progress, None, str]:
    """Name of the architecture that weights fit by names and shapes; "" where none does.

    Raises
    ------
    FormatError : if the file holds no weights by name.
    """
    from converters.architectures import architecture_names
    from converters.build import fits
    from converters.state_dict import read_state_dict

    what = f"which architecture fits {weights.name}?"
    yield Progress(0, 0, what)
    state = read_state_dict(weights)
    likely_first = sorted(architecture_names(), key=lambda name: name not in weights.stem)
    for done, name in enumerate(likely_first):
        yield Progress(done, len(likely_first), what)
        if fits(name, state):
            return name
    return ""


def converted_file(
    weights: Path, arch: str, input_shape: Sequence[int], cache: Path
) -> Generator[Progress, None, Path]:
    """Convert a file of weights into the cache, if it is not there yet.

    Parameters
    ----------
    weights : the file.
    arch : a name of `converters.architectures.architecture_names`, or ``package.module:factory``.
    input_shape : batch first; may be empty for a name.
    cache : folder.

    Returns
    -------
    The folder of the conversion.

    Raises
    ------
    ModelError : if a factory comes without a shape, or the cache cannot be written to.
    InputError : from the converter: all that it cannot do is named.
    """
    if not weights.is_file():
        raise ModelError(f"{weights}: does not exist; give a .pth or .safetensors file of weights")
    named = ":" not in arch
    if not named and not input_shape:
        raise ModelError(f"{arch}: say what it takes, as input_shape (1, 3, 224, 224), batch first")

    def describe() -> Description:
        from converters.describe import describe_model

        return describe_model(arch if named else "", "" if named else arch, weights, tuple(input_shape))

    stem = arch.rpartition(":")[2] if weights.stem in _COMMON else weights.stem
    return (yield from _converted(describe, stem, cache / f"{stem}-{_key(arch, input_shape, weights)}", reuse=named))


_COMMON = frozenset({"model", "weights", "checkpoint", "pytorch_model", "best", "last"})  # what everybody calls weights


def published(name: str, cache: Path) -> Generator[Progress, None, Path]:
    """Convert what torchvision publishes for a network; the weights are downloaded, where torch keeps them not yet.

    Raises
    ------
    ModelError : if they cannot be downloaded, or the network is not torchvision's.
    """
    import torch

    from converters.architectures import published_weights
    from converters.describe import describe_model

    found = published_weights(name)
    if found is None:
        raise ModelError(f"{name}: no weights are published for it; give a file of weights, and --arch {name}")
    file = Path(torch.hub.get_dir()) / "checkpoints" / found.url.rpartition("/")[2]
    if not file.is_file():
        yield Progress(0, 0, f"download {file.name}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(found.url, str(file), file.stem.rpartition("-")[2], progress=False)
        except (OSError, RuntimeError) as error:
            raise ModelError(
                f"{name}: its weights cannot be downloaded from {found.url} ({error}); give a file of weights, and "
                f"--arch {name}"
            ) from error
    classes = cache / f"{name}.classes.txt"
    write_text(classes, "\n".join(found.meta["categories"]) + "\n")
    target = cache / f"{name}-{_key(name, (), file, classes)}"
    return (yield from _converted(lambda: replace(describe_model(name, "", file), classes=classes), name, target))


def converted_baseline(folder: Path, cache: Path) -> Generator[Progress, None, Path]:
    """Convert a PyTorch baseline (``model.json``, ``weights.safetensors``, ``classes.txt``) into the cache, once."""

    def describe() -> Description:
        from converters.describe import describe_folder

        return describe_folder(folder)

    name = folder.resolve().name
    files = [file for file in sorted(folder.iterdir()) if file.is_file()]
    return (yield from _converted(describe, name, cache / f"{name}-{_key('', (), *files)}"))


def converted_onnx(file: Path, input_shape: Sequence[int], cache: Path) -> Generator[Progress, None, Path]:
    """Convert an ONNX model into the cache, if it is not there yet.

    Parameters
    ----------
    file : with its external data beside it.
    input_shape : as the file has the axes; empty where it leaves none open but the batch.
    cache : folder.

    Raises
    ------
    ModelError : if there is no such file, or the cache cannot be written to.
    InputError : from the converter: all that it cannot do is named.
    """
    if not file.is_file():
        raise ModelError(f"{file}: does not exist; give an ONNX model")

    def describe() -> Description:
        from converters.describe import describe_onnx

        return describe_onnx(file, {"": tuple(input_shape)} if input_shape else None)

    yield Progress(0, 0, f"read {file.name}")
    from converters.onnx.read import external_files

    files = (file, *external_files(file))
    return (yield from _converted(describe, file.stem, cache / f"{file.stem}-{_key('', input_shape, *files)}"))


def open_axes(file: Path) -> Generator[Progress, None, str]:
    """The shape of an ONNX model's one input, written out, if it has axes beside the batch that may be of any size."""
    yield Progress(0, 0, f"read {file.name}")
    from converters.onnx.read import read_onnx

    inputs = read_onnx(file).inputs
    shape = inputs[0].shape if len(inputs) == 1 else ()
    if shape is None:
        return "?"
    return ",".join(map(str, shape)) if any(isinstance(axis, str) for axis in shape[1:]) else ""


def _converted(
    describe: Callable[[], Description], stem: str, target: Path, reuse: bool = True
) -> Generator[Progress, None, Path]:
    """Convert and verify with torchcaffe; ``conversion.json`` is written last, so what has one is whole.

    Nothing is imported and described where ``target`` has a conversion: torchvision and torch.export take a second.
    """
    if reuse and (target / CONVERSION).is_file():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(
            f"{target.parent}: cannot be written to; set cache to another folder in the settings"
        ) from error
    yield Progress(0, 0, f"{stem}: load the converter")
    from converters.converting import converting

    yield from converting(describe(), stem, target)
    return target


def _key(arch: str, input_shape: Sequence[int], *files: Path) -> str:
    """Digits of a hash over what is converted and the version of the converter."""
    digest = hashlib.sha256(repr((version("deepvis-caffe"), arch, tuple(input_shape))).encode())
    for file in files:
        digest.update(file.name.encode())
        with file.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()[:16]
