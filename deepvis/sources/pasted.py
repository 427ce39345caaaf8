"""Pictures from the clipboard, kept as files so that they can be found again."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np

from prototxt.common.atomic import write_bytes

FOLDER = Path("~/.cache/deepvis/pasted")


def keep_picture(rgba: np.ndarray, folder: Path | None = None) -> Path:
    """Write a picture as PNG under a name made from its pixels; gives the file.

    Parameters
    ----------
    rgba : (H, W, 4) uint8.
    folder : where to; `FOLDER` by default.

    Raises
    ------
    InputError : if it cannot be written.
    """
    folder = (folder or FOLDER).expanduser()
    _, data = cv2.imencode(".png", cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA))
    content = data.tobytes()
    file = folder / f"pasted_{hashlib.sha256(content).hexdigest()[:16]}.png"
    write_bytes(file, content)
    return file
