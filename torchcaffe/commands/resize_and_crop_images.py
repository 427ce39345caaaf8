"""``torchcaffe resize_and_crop_images``: the middle of pictures (tools/extra/resize_and_crop_images.py)."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from prototxt.common import atomic
from prototxt.common.errors import FormatError, ImageError, InputError
from torchcaffe.commands.flags import Call

log = logging.getLogger(__name__)


def resize_and_crop_images(call: Call) -> None:
    """Resize every picture of a list so that its shorter side is the square's, and cut the middle out.

    Raises
    ------
    InputError : the list, a picture or a flag is wrong.
    """
    side = call.number("output_side_length")
    if side < 1 or call.number("num_clients") < 1:
        raise InputError("-output_side_length and -num_clients must be at least 1")
    if call.text("image_lib") != "opencv":
        log.info("-image_lib=%s: OpenCV resizes the pictures all the same", call.text("image_lib"))
    source = Path(call.required("input", "a list of picture files"))
    folder = Path(call.required("output_folder", "a folder for the results"))
    names = _names(source)
    work = partial(_convert, Path(call.text("input_folder")), folder, side)
    with ThreadPoolExecutor(call.number("num_clients")) as pool:
        for _ in tqdm(pool.map(work, names), total=len(names), unit="image", disable=None):
            pass
    log.info("Wrote %d pictures to %s", len(names), folder)


def square(image: np.ndarray, side: int) -> np.ndarray:
    """The middle (side, side, C) of a picture (H, W, C) whose shorter side was made ``side`` long."""
    height, width = image.shape[:2]
    shorter = min(height, width)
    resized = cv2.resize(image, (side * width // shorter, side * height // shorter))
    top, left = ((length - side) // 2 for length in resized.shape[:2])
    return resized[top : top + side, left : left + side]


def _convert(source: Path, target: Path, side: int, name: str) -> None:
    image = cv2.imread(str(source / name)) if (source / name).is_file() else None
    if image is None:
        raise ImageError(f"{source / name}: is no picture that OpenCV can read; mend the list or the file")
    made, data = cv2.imencode(Path(name).suffix or ".png", square(image, side))
    if not made:
        raise ImageError(f"{name}: OpenCV writes no such files; give names that end in .jpg or .png")
    atomic.write_bytes(target / name, bytes(data))


def _names(source: Path) -> list[str]:
    """The first word of every line: what follows may be a label."""
    try:
        names = [line.split()[0] for line in source.read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"{source}: the list of pictures cannot be read ({error})") from None
    if not names:
        raise FormatError(f"{source}: the list of pictures is empty; write a file name on every line")
    return names
