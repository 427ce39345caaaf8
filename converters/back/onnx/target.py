"""ONNX as a target: one file, and a second one for arrays of more than 2 GiB."""

from __future__ import annotations

from pathlib import Path

from converters.back.onnx.model import batch_is_free, to_onnx, write_onnx
from converters.back.onnx.running import program
from converters.back.source_net import SourceNet
from converters.back.target import Target, Written


def write(source: SourceNet, folder: Path, stem: str, about: str) -> Written:
    """Write ``stem.onnx``, and ``stem.onnx.data`` where it is large."""
    path = folder / f"{stem}.onnx"
    write_onnx(to_onnx(source, about), path)
    names = tuple(file.name for file in (path, path.with_name(f"{path.name}.data")) if file.exists())
    return Written(names, lambda: program(source, path), {})


ONNX = Target("ONNX", batch_is_free, write)
