"""Which test images a run tells right, a bit each: small enough to be kept for every run of a study."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from finetune.errors import ExperimentError
from finetune.evaluation.scores import Scores
from prototxt.common.atomic import write_text


def write_right(path: Path, scores: Mapping[str, Scores]) -> None:
    """Keep which images are told right, by name of the part (``source``, ``target``), as JSON.

    Parameters
    ----------
    path : the file; an entry has the number of ``images`` and, in ``right``, their bits (`numpy.packbits`) in base64.
    scores : of each part.
    """
    found = {}
    for name, each in scores.items():
        bits = base64.b64encode(np.packbits(each.correct).tobytes()).decode("ascii")
        found[name] = {"images": len(each.labels), "right": bits}
    write_text(path, json.dumps(found) + "\n")


def read_right(path: Path) -> dict[str, np.ndarray]:
    """Read what `write_right` wrote: (N,) bool for every part, in the order of its images.

    Raises
    ------
    ExperimentError : it cannot be read.
    """
    try:
        parts = json.loads(path.read_text(encoding="utf-8"))
        return {name: _bits(part["right"], part["images"]) for name, part in parts.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExperimentError(f"{path}: cannot be read ({error}); remove its folder and run the study again") from error


def _bits(text: str, images: int) -> np.ndarray:
    packed = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
    if len(packed) != (images + 7) // 8:
        raise ValueError(f"it has {len(packed)} bytes of answers for {images} images")
    return np.unpackbits(packed, count=images).astype(bool)
