"""A conversion as files: the net, its weights, and ``conversion.json``, which says what they are and how exact.

``conversion.json`` is an object with ``format`` ("conversion"), ``version`` (1), ``source`` (architecture or module,
weights and their hash), ``prototxt`` and ``caffemodel`` (file names beside it), ``prototxt_hash`` (SHA-256 of the
file), ``weights_hash`` (`prototxt.formats.weights.weights_hash`), ``input_shape``, ``preprocessing`` with
``preprocessing_hash``, ``classes`` (file name or null), ``engines`` (version, bar, largest differences of each),
``gradients`` (least cosine and largest relative difference by engine, where they were compared), ``layers`` (in the
net's order: name, type, place in the PyTorch model, differences by engine), ``inputs`` (shape by name of the input;
``input_shape`` is that of the first), ``outputs`` (blob by place in what the model returns: ``""`` for a single tensor,
``"boxes.0"`` for the first of a list under the key "boxes"; null where there is no blob),
``notes`` (what was guessed or left out) and ``versions`` of the programs.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from math import isfinite
from pathlib import Path
from typing import Any

from converters.conversion import Conversion
from converters.errors import ConversionError
from converters.verdict import Difference, LayerCheck, Verification
from converters.verification import weights_name, write_files
from prototxt.common.atomic import write_bytes, write_text
from prototxt.common.errors import FormatError
from prototxt.formats.weights import weights_hash
from prototxt.net.input_size import fixed_input_size
from prototxt.pixels.preprocess import Preprocessing
from prototxt.pixels.preprocess_file import preprocessing_in

FORMAT, VERSION = "conversion", 1
RECORD = "conversion.json"
CLASSES = "classes.txt"


@dataclass(frozen=True)
class Record:
    """What ``conversion.json`` says.

    Parameters
    ----------
    path : of the file.
    prototxt, caffemodel : of the net, beside it.
    classes : file of class names beside it, or None.
    input_shape : of the first input, batch first.
    outputs : blob by place in what the model returns, None where there is no blob.
    preprocessing : from pixels to the first input, or None.
    modules : place in the PyTorch model by Caffe layer.
    content : the whole object.
    """

    path: Path
    prototxt: Path
    caffemodel: Path
    classes: Path | None
    input_shape: tuple[int, ...]
    outputs: Mapping[str, str | None]
    preprocessing: Preprocessing | None
    modules: Mapping[str, str]
    content: Mapping[str, Any]


def write_conversion(
    folder: Path | str,
    stem: str,
    conversion: Conversion,
    source: Mapping[str, Any],
    verifications: Sequence[Verification] = (),
    classes: Path | None = None,
) -> Record:
    """Write ``stem.prototxt``, the weights, ``conversion.json`` and the class names: all of them or none.

    Parameters
    ----------
    source : what `converters.source.Source.about` says.
    verifications : verdicts of the engines.
    classes : text file of class names, one a line, that is copied.

    Raises
    ------
    FormatError : if the folder cannot be written to.
    """
    with staged(folder) as stage:
        write_files(conversion, stage, stem)
        write_record(stage, stem, conversion, source, verifications, classes)
    return read_conversion(Path(folder))


def refuse_occupied(out: Path, force: bool) -> None:
    """Keep what a folder has already, unless that is said to be meant.

    Raises
    ------
    ConversionError : if ``out`` has files, and not ``force``.
    """
    if out.is_dir() and any(out.iterdir()) and not force:
        raise ConversionError(f"--out {out}: has files already; give another folder, or --force to write into it")


@contextmanager
def staged(folder: Path | str) -> Iterator[Path]:
    """Yield an empty hidden folder in ``folder``; on success its files move into ``folder``, ``conversion.json`` last.

    If the block raises, what it wrote is removed, and ``folder`` itself if it was made for it.

    Raises
    ------
    FormatError : if the folder cannot be made or written to.
    """
    folder = Path(folder)
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=".part-", dir=folder))
    except OSError as error:
        raise FormatError(f"{folder}: cannot be written to ({error.strerror}); choose another --out") from error
    try:
        yield stage
        for path in sorted(stage.iterdir(), key=lambda path: path.name == RECORD):
            os.replace(path, folder / path.name)
    except BaseException:
        shutil.rmtree(stage)
        for path in new:
            if any(path.iterdir()):
                break
            path.rmdir()
        raise
    stage.rmdir()


def write_record(
    folder: Path,
    stem: str,
    conversion: Conversion,
    source: Mapping[str, Any],
    verifications: Sequence[Verification],
    classes: Path | None = None,
    gradients: Mapping[str, Any] | None = None,
) -> None:
    """Write ``conversion.json`` and the class names beside a net that has been written; see `write_conversion`."""
    preprocessing = conversion.preprocessing
    prototxt = folder / f"{stem}.prototxt"
    content = {
        "format": FORMAT,
        "version": VERSION,
        "source": dict(source),
        "prototxt": prototxt.name,
        "prototxt_hash": hashlib.sha256(prototxt.read_bytes()).hexdigest(),
        "caffemodel": weights_name(conversion, stem),
        "weights_hash": weights_hash(conversion.weights),
        "input_shape": list(conversion.net.layer[0].input_param.shape[0].dim),
        "inputs": {
            layer.name: list(layer.input_param.shape[0].dim) for layer in conversion.net.layer if layer.type == "Input"
        },
        "fixed_input_size": fixed_input_size(conversion.net),
        "outputs": conversion.outputs,
        "notes": list(conversion.notes),
        "preprocessing": preprocessing.to_dict() if preprocessing else None,
        "preprocessing_hash": preprocessing.hash if preprocessing else None,
        "classes": CLASSES if classes else None,
        "engines": {verification.engine: _engine(verification) for verification in verifications},
        "gradients": dict(gradients or {}),
        "layers": _layers(conversion, verifications),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("deepvis-caffe", "torch", "numpy", "protobuf")},
        },
    }
    if classes:
        write_bytes(folder / CLASSES, classes.read_bytes())
    write_text(folder / RECORD, json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_conversion(path: Path | str) -> Record:
    """Read ``conversion.json``.

    Parameters
    ----------
    path : the file, or its folder.

    Raises
    ------
    FormatError : if it is missing, is no such file, or is of a later version.
    """
    path = Path(path)
    path = path / RECORD if path.is_dir() else path
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT or content["version"] != VERSION:
            raise FormatError(
                f"{path}: is {content['format']} version {content['version']}; this program reads {FORMAT} version "
                f"{VERSION}: convert the model again"
            )
        return Record(
            path=path,
            prototxt=path.with_name(content["prototxt"]),
            caffemodel=path.with_name(content["caffemodel"]),
            classes=path.with_name(content["classes"]) if content["classes"] else None,
            input_shape=tuple(content["input_shape"]),
            outputs=content.get("outputs", {}),
            preprocessing=preprocessing_in(content["preprocessing"], path),
            modules={layer["name"]: layer["module"] for layer in content["layers"]},
            content=content,
        )
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror}); convert_pytorch_to_caffe writes it") from error
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(f"{path}: is no record of a conversion ({error!r}); convert the model again") from error


def _engine(verification: Verification) -> dict[str, Any]:
    worst = verification.worst
    return {
        "version": verification.version,
        "allowed_relative": verification.bar,
        "inputs": verification.inputs,
        "layers": len(verification.layers),
        "largest_absolute": _number(max((check.difference.absolute for check in verification.layers), default=0.0)),
        "largest_relative": _number(worst.difference.relative) if worst else None,
        "worst_layer": worst.layer if worst else None,
        "as_near_to_float64_as_pytorch": [check.layer for check in verification.by_truth],
        "note": verification.note,
    }


def _layers(conversion: Conversion, verifications: Sequence[Verification]) -> list[dict[str, Any]]:
    checks = {(v.engine, check.layer): check for v in verifications for check in v.layers}
    return [
        {
            "name": layer.name,
            "type": layer.type,
            "module": conversion.modules[layer.name],
            "differences": {
                v.engine: _differences(checks[v.engine, layer.name])
                for v in verifications
                if (v.engine, layer.name) in checks
            },
        }
        for layer in conversion.net.layer
        if layer.name in conversion.modules
    ]


def _differences(check: LayerCheck) -> dict[str, Any]:
    return {
        **_pair(check.difference),
        "from_float64": _pair(check.error),
        "float32_from_float64": _pair(check.float32_error),
    }


def _pair(difference: Difference) -> dict[str, float | None]:
    return {"absolute": _number(difference.absolute), "relative": _number(difference.relative)}


def _number(value: float) -> float | None:
    """JSON knows no infinity."""
    return value if isfinite(value) else None
