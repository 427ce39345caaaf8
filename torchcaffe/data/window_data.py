"""WindowData: windows that are cut out of pictures, so many with an object and so many without (R-CNN).

Source: ``window_data_layer.cpp``. ``cache_images`` changes nothing here: the system keeps in memory the files that are
read again and again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, NamedTuple

import cv2
import numpy as np

from prototxt.common.errors import NetError
from prototxt.formats.schema import WindowDataParameter
from torchcaffe.data.batches import BatchLayer
from torchcaffe.data.image_list import read_picture
from torchcaffe.data.prefetch import Prefetch
from torchcaffe.data.transform import Transform
from torchcaffe.data.window_file import Box, Window, read_window_file
from torchcaffe.layer import Arity, Shape
from torchcaffe.registry import layer

BACKGROUND = 0
CROP_MODES = ("warp", "square")
Plan = list[tuple[Window, int, bool]]
"""Windows with their label and whether they are mirrored."""


class Cut(NamedTuple):
    """Which box of a picture goes where in the square of the top: ``height`` × ``width`` from ``top``, ``left`` on."""

    box: Box
    height: int
    width: int
    top: int = 0
    left: int = 0


class WindowBatches:
    """Endless batches of windows: first those without an object, then those with one, each drawn at random.

    Parameters
    ----------
    param : ``window_data_param``.
    transform : crop_size, mirror and mean. (``scale`` is that of ``window_data_param``; reading a prototxt moves it to
        ``transform_param``, so it has no effect, in Caffe either.)
    seed : of the draws.
    where : the layer and its place in the prototxt, for errors.
    depth : batches that are read ahead.

    Attributes
    ----------
    shapes : of the two tops, (N, 3, crop_size, crop_size) and (N,).

    Raises
    ------
    NetError : fields that are missing or contradict each other, or a file without both kinds of windows.
    FormatError : the file cannot be read.
    """

    def __init__(
        self, param: WindowDataParameter, transform: Transform, seed: int | None, where: str, depth: int = 4
    ) -> None:
        _check(param, transform, where)
        self.where = where
        self._param, self._transform = param, transform
        self._random = np.random.default_rng(seed)
        windows = read_window_file(Path(param.source), param.root_folder)
        objects = [window for window in windows if window.overlap >= param.fg_threshold]
        others = [w for w in windows if w.overlap < param.bg_threshold and w.overlap < param.fg_threshold]
        if not objects or not others or any(window.label <= BACKGROUND for window in objects):
            raise NetError(
                f"{where}: {param.source} must have windows of overlap >= fg_threshold {param.fg_threshold:g}, with "
                f"classes from 1 on, and windows of overlap < bg_threshold {param.bg_threshold:g}; it has "
                f"{len(objects)} and {len(others)}"
            )
        side = transform.crop_size
        self.shapes: list[Shape] = [(param.batch_size, 3, side, side), (param.batch_size,)]
        self._prefetch = Prefetch(self._plans(others, objects), self.load, depth)

    def next_batch(self) -> tuple[np.ndarray, np.ndarray]:
        """Windows (N, 3, crop_size, crop_size), blue, green, red, and labels (N,), float32.

        Raises
        ------
        FormatError : a picture cannot be read; names the file and the picture.
        NetError : a window lies outside its picture.
        """
        return self._prefetch.next_batch()

    def close(self) -> None:
        """End the threads."""
        self._prefetch.close()

    def load(self, plan: Plan) -> tuple[np.ndarray, np.ndarray]:
        """Cut the windows of one batch out; errors as `next_batch`."""
        pixels = np.zeros(self.shapes[0], np.float32)
        for item, (window, _, mirror) in zip(pixels, plan, strict=True):
            self._fill(item, window, mirror)
        return pixels, np.array([label for _, label, _ in plan], np.float32)

    def _fill(self, item: np.ndarray, window: Window, mirror: bool) -> None:
        """Write a window into its place in the batch; what lies outside of the picture stays 0, the mean."""
        picture = read_picture(window.picture)
        height, width = picture.shape[1:]
        if window.box[2] >= width or window.box[3] >= height:
            raise NetError(
                f"{self.where}: {window.picture.path} has {width}×{height} pixels; window {window.box} is outside"
            )
        square = self._param.crop_mode == "square"
        side = self._transform.crop_size
        cut = place_window(window.box, (height, width), side, self._param.context_pad, square, mirror)
        x1, y1, x2, y2 = cut.box
        part = picture.transpose(1, 2, 0)[y1 : y2 + 1, x1 : x2 + 1]
        part = cv2.resize(part, (cut.width, cut.height), interpolation=cv2.INTER_LINEAR)
        part = part[:, ::-1] if mirror else part
        values = part.transpose(2, 0, 1).astype(np.float32)
        values -= self._mean_at(cut)
        rows, columns = slice(cut.top, cut.top + cut.height), slice(cut.left, cut.left + cut.width)
        item[:, rows, columns] = values * np.float32(self._param.scale)

    def _mean_at(self, cut: Cut) -> np.ndarray | float:
        """The mean where a part lies; Caffe takes the offset of the columns for the rows too."""
        mean = self._transform.mean_image
        if mean is None:
            return 0.0 if self._transform.mean_value is None else self._transform.mean_value
        offset = (mean.shape[2] - self._transform.crop_size) // 2
        top, left = offset + cut.top, offset + cut.left
        return mean[:, top : top + cut.height, left : left + cut.width]

    def _plans(self, others: list[Window], objects: list[Window]) -> Iterator[Plan]:
        with_object = int(np.float32(self._param.batch_size) * np.float32(self._param.fg_fraction))
        while True:
            plan = [(self._draw(others), BACKGROUND) for _ in range(self._param.batch_size - with_object)]
            drawn = [self._draw(objects) for _ in range(with_object)]
            plan += [(window, window.label) for window in drawn]
            yield [(*item, self._transform.mirror and bool(self._random.integers(2))) for item in plan]

    def _draw(self, windows: list[Window]) -> Window:
        return windows[self._random.integers(len(windows))]


@layer("WindowData")
class WindowData(BatchLayer):
    """Windows (N, 3, crop_size, crop_size) and their classes (N,), 0 for those without an object."""

    tops: ClassVar[Arity] = (2, 2)

    def open(self) -> WindowBatches:
        """Read the window file."""
        depth = self.param.data_param.prefetch
        return WindowBatches(self.param.window_data_param, self.transform(), self.data_seed, self.where, depth)


def place_window(box: Box, size: tuple[int, int], side: int, context: int, square: bool, mirror: bool) -> Cut:
    """Say which pixels of a picture show a window, and where they go.

    The window fills the square of ``side``, but for a border of ``context`` pixels that shows what is around it. Of
    both what lies outside of the picture is cut away and left empty.

    Parameters
    ----------
    box : of the window.
    size : (height, width) of the picture.
    side, context : in pixels of the top.
    square : enlarge the window to a square first, instead of squeezing it into one.
    mirror : the empty border is mirrored too.
    """
    if not context and not square:
        return Cut(box, side, side)
    x1, y1, x2, y2 = box
    scale = np.float32(side) / np.float32(side - 2 * context)
    halves = [np.float32(y2 - y1 + 1) / 2, np.float32(x2 - x1 + 1) / 2]
    centres = [np.float32(y1) + halves[0], np.float32(x1) + halves[1]]
    if square:
        halves = [max(halves)] * 2
    vertical, horizontal = (
        _place(centre, half * scale, length, side, mirrored)
        for centre, half, length, mirrored in zip(centres, halves, size, (False, mirror), strict=True)
    )
    return Cut(
        (horizontal[0], vertical[0], horizontal[1], vertical[1]), vertical[2], horizontal[2], vertical[3], horizontal[3]
    )


def _place(centre: np.float32, half: np.float32, length: int, side: int, mirror: bool) -> tuple[int, int, int, int]:
    """Along one axis: first and last pixel, then length and start in the top; float32 and rounding as in Caffe."""
    first, last = _round(centre - half), _round(centre + half)
    before, after = max(0, -first), max(0, last - length + 1)
    scale = np.float32(side) / np.float32(last - first + 1)
    first, last = first + before, last - after
    start = _round(np.float32(after if mirror else before) * scale)
    filled = _round(np.float32(last - first + 1) * scale)
    return first, last, min(filled, side - start), start


def _round(value: np.float32) -> int:
    """To the nearest whole number, halves away from zero, as C does."""
    return int(math.copysign(math.floor(abs(float(value)) + 0.5), value))


def _check(param: WindowDataParameter, transform: Transform, where: str) -> None:
    side, mean = transform.crop_size, transform.mean_image
    if not param.source or not param.batch_size or not side:
        raise NetError(f"{where}: window_data_param needs source and batch_size > 0, transform_param crop_size > 0")
    if param.crop_mode not in CROP_MODES or 2 * param.context_pad >= side:
        raise NetError(
            f"{where}: crop_mode must be {' or '.join(CROP_MODES)} and context_pad less than half of crop_size {side}; "
            f"got {param.crop_mode!r} and {param.context_pad}"
        )
    if not 0 <= param.fg_fraction <= 1:
        raise NetError(f"{where}: fg_fraction must lie in [0, 1]; got {param.fg_fraction:g}")
    if mean is not None and (len(mean) != 3 or min(mean.shape[1:]) < side):
        raise NetError(
            f"{where}: the mean image has shape {mean.shape}; it must have 3 channels and be {side}×{side} at least"
        )
    if transform.mean_value is not None and len(transform.mean_value) not in (1, 3):
        raise NetError(f"{where}: {len(transform.mean_value)} mean_value; give one, or one for each of 3 channels")
