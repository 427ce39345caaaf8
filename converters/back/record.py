"""``conversion.json`` beside a net that was written for another program.

An object with ``format`` ("conversion from Caffe"), ``version`` (1), ``target``, ``files``, ``source`` (names and
SHA-256 of the files), ``inputs`` and ``outputs`` (name and shape; the batch null where it is free), ``preprocessing``
with ``preprocessing_hash``, ``classes`` (file name or null), ``notes`` (what was changed or left out), ``layers``
(name, type and, in PyTorch, attribute), ``verification`` (null if there was none) and ``versions`` of the programs.
"""

from __future__ import annotations

import hashlib
import json
import platform
from importlib.metadata import version
from math import isfinite
from pathlib import Path
from typing import Any

from converters.back.source_net import SourceNet
from converters.back.target import Target, Written
from converters.files import CLASSES, RECORD
from converters.verdict import LayerCheck, Verification
from prototxt.common.atomic import write_bytes, write_text
from prototxt.net.graph import Value
from prototxt.pixels.preprocess import Preprocessing

FORMAT, VERSION = "conversion from Caffe", 1


def write_record(
    folder: Path,
    source: SourceNet,
    target: Target,
    written: Written,
    files: tuple[Path, Path],
    preprocessing: Preprocessing | None,
    classes: Path | None,
    verification: Verification | None,
) -> None:
    """Write ``conversion.json`` and the class names into the folder of what was written.

    Parameters
    ----------
    files : the prototxt and the caffemodel that the net was read from.
    """
    content = {
        "format": FORMAT,
        "version": VERSION,
        "target": target.name,
        "files": list(written.files),
        "source": [{"file": file.name, "hash": hashlib.sha256(file.read_bytes()).hexdigest()} for file in files],
        "inputs": [_blob(source, value, target.batch_is_free(source)) for value in source.inputs],
        "outputs": [_blob(source, value, target.batch_is_free(source)) for value in source.outputs],
        "preprocessing": preprocessing.to_dict() if preprocessing else None,
        "preprocessing_hash": preprocessing.hash if preprocessing else None,
        "classes": CLASSES if classes else None,
        "notes": list(source.notes),
        "layers": [
            {"name": layer.name, "type": layer.type, "attribute": written.modules.get(layer.name)}
            for layer in source.layers
        ],
        "verification": _verification(verification) if verification else None,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("deepvis-caffe", "torch", "numpy", "protobuf")},
        },
    }
    if classes:
        write_bytes(folder / CLASSES, classes.read_bytes())
    write_text(folder / RECORD, json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def _blob(source: SourceNet, value: Value, batch_is_free: bool) -> dict[str, Any]:
    shape: list[int | None] = list(source.shapes.values[value])
    if batch_is_free and source.varies(value):
        shape[0] = None
    return {"name": value.blob, "shape": shape}


def _verification(verification: Verification) -> dict[str, Any]:
    return {
        "program": verification.version,
        "against": "torchcaffe",
        "allowed_relative": verification.bar,
        "inputs": verification.inputs,
        "note": verification.note,
        "blobs": {check.layer: _differences(check) for check in verification.layers},
    }


def _differences(check: LayerCheck) -> dict[str, float | None]:
    found = {
        "relative": check.difference.relative,
        "absolute": check.difference.absolute,
        "from_float64": check.error.absolute,
        "torchcaffe_from_float64": check.float32_error.absolute,
    }
    return {name: number if isfinite(number) else None for name, number in found.items()}
