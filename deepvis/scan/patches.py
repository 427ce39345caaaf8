"""The part of an image that a unit saw, cut from the image's own pixels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch

import numpy as np

from prototxt.pixels.geometry import Box
from prototxt.pixels.inputs import member_boxes
from prototxt.pixels.preprocess import Preprocessing
from prototxt.pixels.samples import Clip, Pair, Planes, Sample, size_of

GREY = 128
BOTH = (0, 1)


def whole_input(size: Sequence[int], preprocessing: Preprocessing) -> Box:
    """The box that is the whole input blob of an image of ``size`` (`prototxt.pixels.samples.size_of`)."""
    height, width = preprocessing.input_size(size[:2])
    if preprocessing.pair == "width":
        width += preprocessing.input_size(size[2:])[1]
    return 0, 0, height, width


def in_plane(box: Sequence[int]) -> Box:
    """Rows and columns of a box (y0, x0, y1, x1) that may have a depth (or time) before them."""
    axes = len(box) // 2
    return *box[axes - 2 : axes], *box[-2:]


def visible_box(box: Sequence[int], picture_size: Sequence[int], preprocessing: Preprocessing) -> Box:
    """Map a region of the input blob to the picture, without what lies outside of the blob (zeros to the net).

    Parameters
    ----------
    box : half-open (y0, x0, y1, x1) in the input blob.
    picture_size : (height, width).

    Returns
    -------
    Half-open (y0, x0, y1, x1) in the picture.
    """
    return preprocessing.box_in_picture(_inside(box, preprocessing.input_size(picture_size)), picture_size)


def visible_boxes(
    box: Sequence[int], size: Sequence[int], preprocessing: Preprocessing, seen: Sequence[int] = BOTH
) -> list[Box]:
    """Do `visible_box` for an image, of which a pair has two pictures; empty boxes where nothing was seen.

    Parameters
    ----------
    box : in the input blob; may have a depth before its rows.
    size : as `prototxt.pixels.samples.size_of`.
    seen : which inputs of a siamese net with two the unit depends on.
    """
    if len(size) == 2:
        return [visible_box(in_plane(box), size, preprocessing)]
    sizes = size[:2], size[2:]
    boxes = member_boxes(in_plane(box), preprocessing, sizes)
    return [
        visible_box(own, one, preprocessing.member(place)) if place in _members(preprocessing, seen) else (0, 0, 0, 0)
        for place, (own, one) in enumerate(zip(boxes, sizes, strict=True))
    ]


def cut_patch(
    sample: Sample,
    box: Sequence[int],
    preprocessing: Preprocessing,
    constant_size: bool = False,
    seen: Sequence[int] = BOTH,
) -> np.ndarray:
    """Cut the pixels of a region of the input blob out of the original image.

    Parameters
    ----------
    sample : a picture; of a clip the frame in the middle of the region is cut; an array is drawn first
        (`picture_of`); of a pair both are cut and stand side by side.
    box : half-open (y0, x0, y1, x1) in the input blob; may reach beyond it; of inputs with a depth or time axis
        (d0, y0, x0, d1, y1, x1).
    constant_size : whether the patch has the size that the whole region would have (at most that of the net's input),
        grey (128) where the region lies outside of the input; else it has the pixels only.
    seen : which inputs of a siamese net with two the unit depends on; the other picture is left out.

    Returns
    -------
    (h, w, 3) uint8, a copy.
    """
    if isinstance(sample, Pair):
        boxes = member_boxes(box, preprocessing, (size_of(sample.first), size_of(sample.second)))
        patches = [
            cut_patch(one, own, preprocessing.member(place), constant_size)
            for place, (one, own) in enumerate(zip((sample.first, sample.second), boxes, strict=True))
            if place in _members(preprocessing, seen)
        ]
        return side_by_side(patches)
    picture = _drawn(sample, box)
    region = in_plane(box)
    if isinstance(sample, Planes) and sample.values.ndim < 3:  # rows are channels: all of them belong to a position
        return picture[:, slice(*np.clip(region[1::2], 0, picture.shape[1]))].copy()
    return _cut(picture, region, preprocessing, constant_size)


def picture_of(sample: Sample, depth: int | None = None) -> np.ndarray:
    """Draw an image, (H, W, 3) uint8: pictures are as they are, of a clip it is one frame, of a pair both.

    Arrays become grey, from their least value (black) to their greatest (white): (C, H, W) the mean over the channels,
    (C, L) a row for each channel, volumes and sequences of pictures one slice.

    Parameters
    ----------
    depth : frame or slice; None for the middle.
    """
    if isinstance(sample, Pair):
        return side_by_side([picture_of(sample.first, depth), picture_of(sample.second, depth)])
    return _picture(sample, depth)


def draw_whole(
    sample: Sample, box: Sequence[int], preprocessing: Preprocessing, seen: Sequence[int] = BOTH
) -> tuple[np.ndarray, tuple[Box, ...]]:
    """Draw an image and give the places in the drawing that show a region of the input blob; as `cut_patch`."""
    pictures = [_drawn(one, box) for one in ((sample.first, sample.second) if isinstance(sample, Pair) else (sample,))]
    found = visible_boxes(box, size_of(sample), preprocessing, seen)
    boxes = []
    left = 0
    for picture, (y0, x0, y1, x1) in zip(pictures, found, strict=True):
        is_signal = isinstance(sample, Planes) and sample.values.ndim < 3
        rows = (0, len(picture)) if is_signal else (y0, y1)
        boxes.append((rows[0], x0 + left, rows[1], x1 + left))
        left += picture.shape[1]
    return side_by_side(pictures), tuple(boxes)


def side_by_side(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Put pictures (H, W, 3) beside each other on grey, those that have pixels."""
    shown = [picture for picture in pictures if picture.size] or list(pictures[:1])
    height = max(len(picture) for picture in shown)
    canvas = np.full((height, sum(picture.shape[1] for picture in shown), 3), GREY, np.uint8)
    left = 0
    for picture in shown:
        canvas[: len(picture), left : left + picture.shape[1]] = picture
        left += picture.shape[1]
    return canvas


def _members(preprocessing: Preprocessing, seen: Sequence[int]) -> Sequence[int]:
    return seen if preprocessing.pair == "inputs" else BOTH


def _drawn(sample: Sample, box: Sequence[int]) -> np.ndarray:
    """The picture of a sample, at the middle of a box along depth or time."""
    axes = len(box) // 2
    return picture_of(sample, (box[0] + box[axes] - 1) // 2 if axes > 2 else None)


@singledispatch
def _picture(sample: Sample, depth: int | None) -> np.ndarray:
    assert isinstance(sample, np.ndarray)
    return sample


@_picture.register
def _(sample: Clip, depth: int | None) -> np.ndarray:
    return sample.frames[_slice(len(sample.frames), depth)]


@_picture.register
def _(sample: Planes, depth: int | None) -> np.ndarray:
    values = sample.values.astype(np.float64)
    low, high = values.min(), values.max()
    if values.ndim == 4:
        values = values[:, _slice(values.shape[1], depth)]
    plane = np.atleast_2d(values.mean(0) if values.ndim > 2 else values)
    grey = np.rint((plane - low) * (255 / (high - low) if high > low else 0.0)).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, 2)


def _slice(length: int, depth: int | None) -> int:
    return length // 2 if depth is None else min(max(depth, 0), length - 1)


def _cut(picture: np.ndarray, box: Sequence[int], preprocessing: Preprocessing, constant_size: bool) -> np.ndarray:
    size = (picture.shape[0], picture.shape[1])
    y0, x0, y1, x1 = visible_box(box, size, preprocessing)
    pixels = picture[y0:y1, x0:x1].copy()
    if not constant_size:
        return pixels
    (top, height), (left, width) = (_frame(box, size, preprocessing, axis) for axis in (0, 1))
    canvas = np.full((height, width, 3), GREY, np.uint8)
    canvas[y0 - top : y1 - top, x0 - left : x1 - left] = pixels
    return canvas


def _inside(box: Sequence[int], blob_size: Sequence[int]) -> list[int]:
    return [min(max(value, 0), blob_size[place % 2]) for place, value in enumerate(box)]


def _frame(box: Sequence[int], size: Sequence[int], preprocessing: Preprocessing, axis: int) -> tuple[int, int]:
    """First pixel and length along an axis of the region, without cutting it off at the picture.

    The length is that of the longest box of whole pixels that a region of this size can need. A region at least as
    large as the input is framed by the input.
    """
    blob, resized = preprocessing.input_size(size)[axis], preprocessing.resized_size(size)[axis]
    offset = (resized - blob) // 2
    start, extent = box[axis], box[axis + 2] - box[axis]
    if extent >= blob:
        start, extent = 0, blob
    first = (start + offset) * size[axis] // resized
    spare = 0 if size[axis] % resized == 0 else 1
    return first, -(-extent * size[axis] // resized) + spare
