"""``torchcaffe detect``: class scores of windows in pictures (python/detect.py)."""

from __future__ import annotations

import csv
import io
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from prototxt.common import atomic
from prototxt.common.errors import FormatError, InputError
from torchcaffe.commands.classify import check_pictures, choose_mode, net_files, pixel_options, pycaffes_errors
from torchcaffe.commands.flags import Call
from torchcaffe.pycaffe.detector import Detector

log = logging.getLogger(__name__)

COLUMNS = ("ymin", "xmin", "ymax", "xmax")


def detect(call: Call) -> None:
    """Write windows and scores; a ``.csv`` has a column for every class, an ``.h5`` the data sets that it names.

    Raises
    ------
    InputError : the net, its weights, the list of windows, a picture or a flag is wrong.
    """
    source, target = Path(call.arguments[0]).expanduser(), Path(call.arguments[1])
    if target.suffix not in (".csv", ".h5"):
        raise InputError(f"{target}: results are written as .csv or .h5; give such a name")
    choose_mode(call)
    options = pixel_options(call)
    if options["mean"] is not None and options["mean"].ndim == 3:
        options["mean"] = options["mean"].mean((1, 2))  # one number a channel, as windows have no place in it
    with pycaffes_errors():
        detector = Detector(*net_files(call), context_pad=call.number("context_pad"), **options)
    start = time.perf_counter()
    if call.text("crop_mode") == "list":
        listed = read_windows(source)
        check_pictures(listed)
        found = detector.detect_windows(list(listed.items()))
    else:
        found = detector.detect_selective_search(_names(source))
    log.info("Processed %d windows in %.3f s.", len(found), time.perf_counter() - start)
    names = [str(each["filename"]) for each in found]
    windows, scores = (np.stack([np.asarray(each[key]) for each in found]) for key in ("window", "prediction"))
    log.info("Saving results into %s", target)
    (_write_csv if target.suffix == ".csv" else _write_h5)(target, names, windows, scores.reshape(len(names), -1))


def read_windows(source: Path) -> Mapping[str, Sequence[Sequence[int]]]:
    """Pictures and their windows from a ``.csv`` with the columns filename, ymin, xmin, ymax and xmax.

    Raises
    ------
    FormatError : it cannot be read, or lacks a column or a number.
    """
    try:
        rows = list(csv.DictReader(source.read_text().splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"{source}: the list of windows cannot be read ({error})") from None
    windows: dict[str, list[list[int]]] = {}
    for number, row in enumerate(rows, start=2):
        try:
            windows.setdefault(row["filename"], []).append([int(float(row[name])) for name in COLUMNS])
        except (KeyError, TypeError, ValueError):
            wanted = ", ".join(("filename", *COLUMNS))
            raise FormatError(f"{source}:{number}: must have the columns {wanted}, with numbers") from None
    return windows


def _names(source: Path) -> list[str]:
    try:
        return [line.strip() for line in source.read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"{source}: the list of pictures cannot be read ({error})") from None


def _write_csv(path: Path, names: list[str], windows: np.ndarray, scores: np.ndarray) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["filename", *COLUMNS, *(f"class{index}" for index in range(scores.shape[1]))])
    for name, window, row in zip(names, windows, scores, strict=True):
        writer.writerow([name, *window.tolist(), *row.tolist()])
    atomic.write_text(path, text.getvalue())


def _write_h5(path: Path, names: list[str], windows: np.ndarray, scores: np.ndarray) -> None:
    with atomic.atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file["filename"], file["window"], file["prediction"] = names, windows, scores
