"""The scan: pictures through the net once, checkpoints on the way, one file at the end."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from deepvis.errors import ImageError
from deepvis.model.model import Model, UnitLayer, pick_device
from deepvis.scan.checkpoint import Checkpoint, discard, folder_of
from deepvis.scan.head import Head, Wanted, head_of_file, head_of_model
from deepvis.scan.joining import new_images, open_to_extend
from deepvis.scan.parts import FilePart, Listing
from deepvis.scan.processes import ALONE, Processes
from deepvis.scan.reader import Scan
from deepvis.scan.unit_pass import UnitPass
from deepvis.scan.writer import write_scan
from deepvis.sources import ImageSource
from deepvis.sources.loader import Loaded, batches
from entropy.errors import ScanError
from entropy.measuring import scan_layout as layout
from prototxt.common.atomic import atomic_path, remove_leftovers
from prototxt.common.errors import FormatError
from prototxt.common.progress import Progress


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
    before: bool = True,
    quantiles: bool = True,
    correlation: bool = False,
    bottom: bool = True,
    importance: bool = False,
    means: bool = True,
    histograms: bool = False,
    strict: bool = False,
    fresh: bool = False,
    extend: bool = False,
    processes: Processes = ALONE,
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
    workers : decoding threads, see `deepvis.sources.loader.batches`.
    before : keep the means before the activation too, as the means after it.
    quantiles : keep every image's maxima, and the images around their quantiles.
    correlation : keep the correlation of every two units of a layer.
    bottom : keep the images with the least values of what goes into the activation.
    importance : keep how much the output depends on every unit (`deepvis.scan.importance`); takes a backward pass.
    means : keep the table of means; without it histograms take its place, and there are no means of classes and no
        correlation.
    histograms : keep fine histograms of the means too (`entropy.measuring.streaming`), from which H can be measured as
        well.
    strict : raise on the first picture that cannot be used.
    fresh : throw a checkpoint away and begin anew.
    extend : add the images that ``out`` does not have yet to it; layers and what is kept are those of the file.
    processes : those that make this scan together, each its share; the first one writes the file.

    Yields
    ------
    Progress in images of this process's share, after every batch.

    Returns
    -------
    Summary of all images in the first process, of the own share in the others.

    Raises
    ------
    ScanError : if no image can be used, the net gives NaN, a batch does not fit into the device's memory, there is a
        checkpoint of another scan (what differs is named), or the correlation is wanted without the means.
    ImageError : if ``strict`` and a picture cannot be used.
    ModelError : for an unknown layer or device.
    FormatError : if ``out`` cannot be written.
    """
    out = Path(out)
    place = pick_device(processes.device(device))
    if correlation and not means:
        raise ScanError("correlations are computed from the table of means; keep it, or leave the correlation out")
    wanted = Wanted(
        layers=None if layers is None else tuple(layers),
        top=top,
        tables=_tables(means, before, quantiles, importance),
        bottom=bottom,
        correlation=correlation,
        histograms=layout.MEANS[: 1 + before] if histograms or not means else (),
    )
    identity: dict[str, Any] = {"batch": batch}
    old: list[FilePart] = []
    classes = model.classes
    with ExitStack() as stack:
        stack.enter_context(place_to_write(out))
        if extend:
            file = stack.enter_context(Scan(out)).file
            earlier = head_of_file(file)
            wanted, classes = earlier.wanted, earlier.classes
            identity["extends"] = str(file.attrs[layout.IMAGES_HASH])
        chosen = choose_layers(model, wanted.layers)
        head = head_of_model(model, chosen, wanted, images.classes or classes)
        if extend:
            old = [open_to_extend(file, out, head)]
            images = new_images(images, old[0].listing, out)
        shares = _Shares(prepare_folder(out, processes, fresh), head, images, identity, processes)
        part = stack.enter_context(shares.open(processes.rank))
        yield Progress(part.done, len(part.listing), "scan")
        one_pass = UnitPass(model, chosen, part.totals, wanted, place)
        yield from _scan_rest(one_pass, part, model, images, shares.indices(processes.rank), batch, workers, strict)
        return (yield from _finish(out, old, part, shares))


def _tables(means: bool, before: bool, quantiles: bool, importance: bool) -> tuple[str, ...]:
    """Names of the tables that are kept, in the order of the file."""
    asked = {layout.MEANS_POST: means, layout.MEANS_PRE: means and before, layout.MAXIMA: quantiles}
    asked |= dict.fromkeys(layout.IMPORTANCE, importance)
    return tuple(table for table in layout.TABLES if asked[table])


class _Shares:
    """The shares of a scan's images, one for every process."""

    def __init__(
        self, folder: Path, head: Head, images: ImageSource, identity: dict[str, Any], processes: Processes
    ) -> None:
        self.folder, self.head, self.processes = folder, head, processes
        self.images, self.identity = images, identity

    def indices(self, rank: int) -> range:
        """Numbers of the images of a share."""
        return self.processes.share(rank, len(self.images), self.identity["batch"])

    def open(self, rank: int) -> Checkpoint:
        """Open a share where it stands."""
        own = self.indices(rank)
        paths, labels = self.images.paths[own.start : own.stop], self.images.labels[own.start : own.stop]
        listing = Listing(self.images.root, tuple(paths), labels)
        identity = self.head.identity(**self.identity)
        return Checkpoint(self.folder / self.processes.name_of(rank), self.head, listing, identity)


def _finish(
    out: Path, old: Sequence[FilePart], part: Checkpoint, shares: _Shares
) -> Generator[Progress, None, Summary]:
    """Wait for all shares; the first process puts the file together."""
    processes = shares.processes
    own = Summary(len(part.listing) - len(part.errors), [ImageError(text) for _, text in part.errors])
    if processes.rank > 0:
        part.close()
        processes.wait()  # until all shares are done
        processes.wait()  # until the file is there
        return own
    processes.wait()
    with ExitStack() as stack:
        parts = [part, *(stack.enter_context(shares.open(rank)) for rank in range(1, processes.count))]
        errors = [ImageError(text) for other in parts for _, text in other.errors]
        summary = Summary(sum(len(other.listing) for other in parts) - len(errors), errors)
        if not summary.read:
            discard(shares.folder)
            raise ScanError(f"none of the {len(errors)} images could be used; the first: {errors[0]}")
        remove_leftovers(out)  # of a process that was killed; the lock of the share says that there is no other
        with atomic_path(out) as temporary:
            yield from write_scan(temporary, shares.head, [*old, *parts])
        discard(shares.folder)
    processes.wait()
    return summary


def choose_layers(model: Model, names: Sequence[str] | None) -> list[UnitLayer]:
    """Give the named layers, all for None, in the order of the net; a `ModelError` or `ScanError` if there are none."""
    chosen = [model.layer(name) for name in names] if names is not None else list(model.unit_layers.values())
    if not chosen:
        raise ScanError(f"{model.path}: has no Convolution, Deconvolution or InnerProduct layer to scan")
    return sorted(set(chosen), key=list(model.unit_layers.values()).index)


def prepare_folder(out: Path, processes: Processes, fresh: bool) -> Path:
    """Give the folder of the checkpoint; a `ScanError` if shares of another number of processes are in it."""
    folder = folder_of(out)
    if fresh:
        if processes.rank == 0 and folder.exists():
            discard(folder)
        processes.wait()
    for share in folder.glob("share-*-of-*") if folder.exists() else ():
        count = share.name.rpartition("-")[2]
        if count != str(processes.count):
            raise ScanError(
                f"{folder}: holds a scan by {count} process(es) that was stopped, this one has {processes.count}; start"
                f" {count} (torchrun --nproc_per_node {count}) to go on, or give --fresh to begin anew"
            )
    return folder


@contextmanager
def place_to_write(out: Path) -> Iterator[None]:
    """Tell of a full disk or a place that cannot be written to in a sentence; what was saved before is still there."""
    try:
        yield
    except (OSError, FormatError) as error:
        # Files are written by `prototxt.common.atomic`, which raises a FormatError from the OSError.
        cause = error if isinstance(error, OSError) else error.__cause__
        if not isinstance(cause, OSError):
            raise
        kept = f"; what {folder_of(out)} holds is good" if folder_of(out).exists() else ""
        raise FormatError(
            f"{out}: cannot be written ({cause.strerror or cause}); choose another place or free some space, then give"
            f" the same command again{kept}"
        ) from cause


def _sizes(usable: Sequence[Loaded], head: Head) -> np.ndarray:
    return np.array([item.size for item in usable], np.int32).reshape(-1, 2 * head.pictures)


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
            part.append(len(loaded), rows, _sizes(usable, part.head), tables)
            whole = True
            if part.due:
                part.save(one_pass.totals())
            yield Progress(part.done, len(share), "scan")
    except BaseException:
        if whole and part.done and part.unsaved:
            with suppress(OSError, FormatError):  # a full disk: what was saved before is still there
                part.save(one_pass.totals())
        raise
    if part.unsaved:
        part.save(one_pass.totals())
