"""Arrays of float32 inside JSON: shape and base64 of the bytes."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np


def array_to_json(array: np.ndarray) -> dict[str, Any]:
    """Return an object that JSON can hold."""
    return {"shape": list(array.shape), "float32": base64.b64encode(array.astype("<f4").tobytes()).decode()}


def array_from_json(value: Any) -> np.ndarray:
    """Read what `array_to_json` gave; a ValueError says what it must be."""
    try:
        return np.frombuffer(base64.b64decode(value["float32"], validate=True), "<f4").reshape(value["shape"])
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"an object of shape and base64 float32 ({error})") from error
