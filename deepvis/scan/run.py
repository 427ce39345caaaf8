"""The scan: pictures through the net once, checkpoints on the way, one file at the end."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from deepvis.errors import ImageError, ScanError
from deepvis.images import ImageSource
from deepvis.loader import batches
from deepvis.model import Model, UnitLayer, pick_device
from deepvis.progress import Progress
from deepvis.scan.checkpoint import Checkpoint, folder_of
from deepvis.scan.head import head_of_model
from deepvis.scan.layout import TABLES
from deepvis.scan.parts import Listing
from deepvis.scan.unit_pass import UnitPass
from deepvis.scan.writer import write_scan
from prototxt.atomic import atomic_path
from prototxt.errors import FormatError


@dataclass
class Summary:
    """What a scan came to: images read, and the error of every image that could not be."""

    read: int = 0
    errors: list[ImageError] = field(default_factory=list)


def scan(
    model: Model,
    images: ImageSource,
    out: Path | str,
    layers: Sequence[str] | None = None,
    *,
    top: int = 9,
    batch: int = 32,
    device: str = "auto",
    workers: int | None = None,
    before: bool = False,
    quantiles: bool = True,
    correlation: bool = False,
    strict: bool = False,
    fresh: bool = False,
) -> Generator[Progress, None, Summary]:
    """Send pictures through a net once and write a ``scan.h5`` (``docs/scan-format.md``).

    The pass stops at the last layer that is wanted. A picture that cannot be used is noted in the file and left out.
    Whatever ends the scan early leaves ``out`` as it was, and a checkpoint beside it (``scan.h5.partial``), from which
    the same call goes on; its file has then the same bits as that of a scan in one go. Closing the generator loses
    nothing, the death of the process the last half minute at most.

    Parameters
    ----------
    model, images : what is scanned with what; at least one image.
    out : the file, replaced when it exists.
    layers : names of Convolution, Deconvolution or InnerProduct layers; None for all of them.
    top : images kept for every unit, at least 1.
    batch : images per forward pass, at least 1.
    device : as in `pick_device`.
    workers : decoding threads, see `deepvis.loader.batches`.
    before : keep the means before the activation too.
    quantiles : keep every image's maxima, and the images around their quantiles.
    correlation : keep the correlation of every two units of a layer.
    strict : raise on the first picture that cannot be used.
    fresh : throw a checkpoint away and begin anew.

    Yields
    ------
    Progress in images, after every batch.

    Returns
    -------
    Summary

    Raises
    ------
    ScanError : if no image can be used, the net gives NaN, a batch does not fit into the device's memory, or there is
        a checkpoint of another scan (what differs is named).
    ImageError : if ``strict`` and a picture cannot be used.
    ModelError : for an unknown layer or device.
    FormatError : if ``out`` cannot be written.
    """
    out = Path(out)
    chosen = choose_layers(model, layers)
    place = pick_device(device)
    asked = {"means_post": True, "means_pre": before, "maxima": quantiles}
    tables = tuple(table for table in TABLES if asked.get(table))
    head = head_of_model(model, chosen, top, tables, correlation)
    listing = Listing(images.root, tuple(images.paths), images.labels)
    folder = folder_of(out) / "share-1-of-1"
    with place_to_write(out), Checkpoint(folder, head, listing, head.identity(batch=batch), fresh) as part:
        yield Progress(part.done, len(images), "scan")
        one_pass = UnitPass(model, chosen, part.totals, tables, place)
        yield from _scan_rest(one_pass, part, model, images, range(len(images)), batch, workers, strict)
        summary = Summary(len(part.listing) - len(part.errors), [ImageError(text) for _, text in part.errors])
        if not summary.read:
            part.remove()
            raise ScanError(f"none of the {len(images)} images could be used; the first: {summary.errors[0]}")
        with atomic_path(out) as temporary:
            yield from write_scan(temporary, head, [part])
        part.remove()
    return summary


def choose_layers(model: Model, names: Sequence[str] | None) -> list[UnitLayer]:
    """Give the named layers, all for None, in the order of the net; a `ModelError` or `ScanError` if there are none."""
    chosen = [model.layer(name) for name in names] if names is not None else list(model.unit_layers.values())
    if not chosen:
        raise ScanError(f"{model.path}: has no Convolution, Deconvolution or InnerProduct layer to scan")
    return sorted(set(chosen), key=list(model.unit_layers.values()).index)


@contextmanager
def place_to_write(out: Path) -> Iterator[None]:
    """Tell of a full disk or a place that cannot be written to in a sentence; what was saved before is still there."""
    try:
        yield
    except OSError as error:
        kept = f"; what {folder_of(out)} holds is good" if folder_of(out).exists() else ""
        raise FormatError(
            f"{out}: cannot be written ({error.strerror or error}); choose another place or free some space, then give"
            f" the same command again{kept}"
        ) from error


def _scan_rest(
    one_pass: UnitPass,
    part: Checkpoint,
    model: Model,
    images: ImageSource,
    share: range,
    batch: int,
    workers: int | None,
    strict: bool,
) -> Iterator[Progress]:
    """Scan what of a share is not done yet, with a checkpoint from time to time and at the end."""
    whole = True  # whether totals and rows are of the same images
    try:
        for loaded in batches(images, model.to_blob, batch, workers, share[part.done :]):
            usable = [item for item in loaded if item.error is None]
            failed = [item for item in loaded if item.error is not None]
            if strict and failed and failed[0].error is not None:
                raise failed[0].error
            whole = False
            tables = one_pass.add(usable, share.start, images) if usable else {}
            first = share.start + part.done
            rows = [item.index - first for item in usable]
            part.errors += [(item.index - share.start, str(item.error)) for item in failed]
            part.append(len(loaded), rows, np.array([item.size for item in usable], np.int32).reshape(-1, 2), tables)
            whole = True
            if part.due:
                part.save(one_pass.totals())
            yield Progress(part.done, len(share), "scan")
    except BaseException:
        if whole and part.unsaved:
            with suppress(OSError, FormatError):  # a full disk: what was saved before is still there
                part.save(one_pass.totals())
        raise
    part.save(one_pass.totals())
