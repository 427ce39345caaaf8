"""``torchcaffe convert_imageset``: pictures of a list into a database (tools/convert_imageset.cpp)."""

from __future__ import annotations

import logging
import random
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from prototxt.common.errors import FormatError, InputError
from prototxt.formats.schema import Datum
from torchcaffe.commands.flags import Call
from torchcaffe.data.image_list import Entry, read_image_list, read_picture
from torchcaffe.data.records import COMMIT_EVERY, new_database

log = logging.getLogger(__name__)


def convert_imageset(call: Call) -> None:
    """Store every picture of a list as a `Datum` under the key ``00000012_path``.

    As in Caffe, a picture that cannot be read is left out, with a line in the log.

    Raises
    ------
    InputError : the list, a flag, or the place of the database is wrong, pictures differ in size with ``-check_size``,
        or none could be read.
    """
    root, source, target = call.arguments
    entries = read_image_list(Path(source), root)
    if call.switch("shuffle"):
        log.info("Shuffling data")
        random.shuffle(entries)
    log.info("A total of %d images.", len(entries))
    if call.text("encode_type") and not call.switch("encoded"):
        log.info("encode_type specified, assuming encoded=true.")
    size = max(0, call.number("resize_height")), max(0, call.number("resize_width"))
    first, count = 0, 0
    with new_database(Path(target), call.text("backend")) as put:
        for place, entry in enumerate(tqdm(entries, unit="image", disable=None)):
            try:
                datum = to_datum(entry, size, not call.switch("gray"), _encoding(call, entry))
            except FormatError as error:
                log.error("%s; it is left out", error)
                continue
            first = _checked(datum, first, entry) if call.switch("check_size") else 0
            name = entry.path[len(root) :]
            put(f"{place:08d}_{name}".encode(), datum.SerializeToString())
            count += 1
            if count % COMMIT_EVERY == 0:
                log.info("Processed %d files.", count)
        if not count:
            raise InputError(f"{source}: none of its {len(entries)} pictures could be read; check ROOTFOLDER {root}")
    if count % COMMIT_EVERY:
        log.info("Processed %d files.", count)
    if count < len(entries):
        log.warning("%d of %d pictures could not be read and are not in %s", len(entries) - count, len(entries), target)


def to_datum(entry: Entry, size: tuple[int, int], color: bool, encoding: str) -> Datum:
    """A picture's pixels, or with an ``encoding`` a file of that kind (``ReadImageToDatum``).

    Parameters
    ----------
    size : (height, width) to resize to; zeros keep the size. A file that has the kind already is taken as it is.

    Raises
    ------
    FormatError : the picture cannot be read.
    InputError : OpenCV has no such encoding.
    """
    pixels = read_picture(entry, size if all(size) else None, color)
    if not encoding:
        channels, height, width = pixels.shape
        sizes = {"channels": channels, "height": height, "width": width}
        return Datum(**sizes, data=pixels.tobytes(), label=entry.label, encoded=False)
    as_it_is = not any(size) and color and _is(entry.path, encoding)
    data = Path(entry.path).read_bytes() if as_it_is else encode(pixels, encoding)
    return Datum(data=data, label=entry.label, encoded=True)


def encode(pixels: np.ndarray, encoding: str) -> bytes:
    """A picture (C, H, W) as a file of a kind that OpenCV knows by its ending.

    Raises
    ------
    InputError : it does not.
    """
    image = pixels.transpose(1, 2, 0)
    try:
        made, data = cv2.imencode(f".{encoding.lstrip('.')}", np.ascontiguousarray(image))
    except cv2.error:
        made = False
    if not made:
        raise InputError(f"OpenCV cannot encode pictures as '{encoding}'; give -encode_type png or jpg")
    return bytes(data)


def _encoding(call: Call, entry: Entry) -> str:
    """The kind of file that is stored; '' for pixels."""
    if call.text("encode_type") or not call.switch("encoded"):
        return call.text("encode_type")
    suffix = Path(entry.path).suffix.lower()
    if not suffix:
        raise InputError(f"{entry.where}: {entry.path} has no ending that says its kind; give -encode_type")
    return suffix


def _is(path: str, encoding: str) -> bool:
    """Whether a file has the ending of an encoding (``matchExt``)."""
    suffix, encoding = Path(path).suffix.lower().lstrip("."), encoding.lower().lstrip(".")
    return suffix == encoding or (encoding, suffix) == ("jpg", "jpeg")


def _checked(datum: Datum, first: int, entry: Entry) -> int:
    size = len(datum.data)
    if first and size != first:
        raise InputError(f"{entry.where}: {entry.path} has {size} bytes, the first picture {first}; resize them")
    return size
