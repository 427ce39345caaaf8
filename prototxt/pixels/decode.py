"""Pictures on disk, decoded to RGB: the same for a scan, for means without a file and for copies of pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from prototxt.common.errors import ImageError

EXTENSIONS = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".pgm", ".tif", ".tiff", ".webp"})
WHITE = 255


def read_image(path: Path | str) -> np.ndarray:
    """Decode one picture; errors as in `decode`, and an `ImageError` also when the file cannot be read.

    Returns
    -------
    (H, W, 3) uint8, channels R, G, B.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror}); give a picture that exists") from error
    return decode(data, str(path))


def decode(data: bytes, source: str) -> np.ndarray:
    """Decode the bytes of a picture file as OpenCV does, turned upright as its EXIF data says.

    Grey pictures get three equal channels, transparent ones are laid on white (their own orientation is then left as
    it is in the file), and 16-bit values are divided by 257 and rounded.

    Parameters
    ----------
    data : a whole file in any format that OpenCV reads (JPEG, PNG, WebP, TIFF, BMP, GIF, PNM …).
    source : name of the file, for messages.

    Returns
    -------
    (H, W, 3) uint8, channels R, G, B, C-contiguous.

    Raises
    ------
    ImageError : if the bytes are not a whole picture, or its values are neither 8 nor 16 bits wide.
    """
    if _may_be_transparent(data):
        pixels = _opencv(data, cv2.IMREAD_UNCHANGED, source)
        if _has_alpha(pixels):
            return _on_white(_to_eight_bits(pixels))
    return _to_eight_bits(_opencv(data, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_ANYDEPTH, source))


def quiet_opencv() -> None:
    """Keep OpenCV from writing its own lines about broken files to stderr; ours name the file."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def _opencv(data: bytes, flags: int, source: str) -> np.ndarray:
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise ImageError(f"{source}: is not a picture that OpenCV can read, or it is cut off; replace or remove it")
    if pixels.dtype not in (np.uint8, np.uint16):
        raise ImageError(f"{source}: has {pixels.dtype} values; only pictures of 8 or 16 bits per channel can be used")
    return pixels


def _may_be_transparent(data: bytes) -> bool:
    """Everything but JPEG may, and is decoded a second time if it is not; photographs are spared that."""
    return not data.startswith(b"\xff\xd8")


def _has_alpha(pixels: np.ndarray) -> bool:
    return pixels.ndim == 3 and pixels.shape[2] == 4


def _to_eight_bits(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype == np.uint8:
        return pixels
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _on_white(bgra: np.ndarray) -> np.ndarray:
    """Lay (H, W, 4) uint8 BGRA on white, rounded to the nearest value; gives RGB."""
    alpha = bgra[:, :, 3:].astype(np.uint32)
    mixed = bgra[:, :, 2::-1] * alpha + WHITE * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)
