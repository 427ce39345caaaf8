"""Programs by what a user writes: files of Caffe, PyTorch architectures, factories and bundled models."""

from __future__ import annotations

from pathlib import Path

from converters.architectures import architecture_names
from converters.build import build
from converters.describe import describe_folder, describe_model, describe_onnx
from converters.errors import ConversionError
from converters.files import RECORD, read_conversion
from converters.pairs.caffe import CaffeProgram
from converters.pairs.program import Program
from converters.pairs.pytorch import PyTorchProgram

FORMS = (
    "the folder of a conversion, net.prototxt (with net.caffemodel beside it, or net.prototxt,other.caffemodel), "
    "the folder of a bundled model, an ONNX model, package.module:factory or an architecture of torchvision, "
    "both with @weights.pth"
)


def open_program(text: str, engine: str = "torchcaffe") -> Program:
    """Open what ``text`` stands for: see `FORMS`.

    Parameters
    ----------
    engine : that runs a Caffe net.

    Raises
    ------
    ConversionError : if it stands for nothing.
    """
    path = Path(text.partition(",")[0])
    if path.is_dir() and (path / RECORD).exists():
        record = read_conversion(path)
        return CaffeProgram(record.prototxt, record.caffemodel, engine)
    if path.suffix == ".prototxt":
        return _prototxt(path, text.partition(",")[2], engine)
    if (path / "model.json").exists():
        description = describe_folder(path)
        return PyTorchProgram(text, build(description).model, description.input_shapes)
    if path.suffix.lower() == ".onnx":
        described = describe_onnx(path, {})
        return PyTorchProgram(text, build(described).model, described.input_shapes)
    name, _, weights = text.partition("@")
    if ":" not in name and name not in architecture_names():
        raise ConversionError(f"{text}: is none of: {FORMS}")
    arch, module = ("", name) if ":" in name else (name, "")
    if arch and not weights:
        raise ConversionError(f"{text}: has no weights; give them as {arch}@weights.pth")
    described = describe_model(arch, module, Path(weights) if weights else None)
    return PyTorchProgram(text, build(described).model, described.input_shapes)


def _prototxt(prototxt: Path, weights: str, engine: str) -> Program:
    beside = [prototxt.with_suffix(suffix) for suffix in (".caffemodel", ".caffemodel.h5")]
    found = [Path(weights)] if weights else [path for path in beside if path.exists()]
    if not found:
        raise ConversionError(f"{prototxt}: has no {beside[0].name} beside it; write {prototxt},FILE.caffemodel")
    return CaffeProgram(prototxt, found[0], engine)
