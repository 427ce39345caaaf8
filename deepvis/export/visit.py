"""One walk over the distinct images of some maxima; every patch on an image is made while the image is at hand."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepvis.engines.hits import Hit, by_image
from deepvis.engines.trace import BaseTracer
from deepvis.errors import ImageError
from deepvis.scan.patches import cut_patch
from deepvis.scan.reader import Scan
from deepvis.sources import Images
from deepvis.sources.loader import Loaded, batches
from prototxt.common.progress import Progress
from prototxt.pixels.samples import Sample


@dataclass(frozen=True, eq=False)
class Seen:
    """A patch.

    Parameters
    ----------
    hit : the maximum that it belongs to.
    pixels : (h, w, 3) uint8 RGB, the picture's own pixels, as `Scan.patch` gives them.
    back : by back-propagation mode, (C, h', w') float32 gradient at the input where the unit looked; empty for the
        least minima.
    """

    hit: Hit
    pixels: NDArray[np.uint8]
    back: dict[str, NDArray[np.float32]] = field(default_factory=dict)


def visit(
    scan: Scan,
    hits: Sequence[Hit],
    take: Callable[[Seen], None],
    *,
    root: Path | None = None,
    tracer: BaseTracer | None = None,
    batch: int = 8,
    workers: int | None = None,
) -> Generator[Progress, None, list[ImageError]]:
    """Give every patch to ``take``; each distinct image is decoded once and runs through the net once for each mode.

    Parameters
    ----------
    scan : where the hits come from.
    hits : in any order; they are taken image by image, images with many hits first.
    take : called with each patch, in no particular order.
    root : folder of the images if it is not the scan's any more.
    tracer : back-propagation of the patches; None for pixels only.
    batch : images at a time.
    workers : decoding threads, see `deepvis.sources.loader.batches`.

    Yields
    ------
    Progress in distinct images.

    Returns
    -------
    Errors of the images that cannot be read any more or have changed; their patches were left out.

    Raises
    ------
    ImageError : if that is so for all of them.
    """
    on_image = by_image(hits)
    # Images with about as many hits in one batch need about as many backward passes.
    order = sorted(on_image, key=lambda image: (-len(on_image[image]), image))
    source = Images(root or scan.root, tuple(scan.paths[image] for image in order))
    errors: list[ImageError] = []
    yield Progress(0, len(order), "patches: images")
    for loaded in batches(source, lambda sample: sample, batch, workers):
        problems = [_problem(scan, source, item, order[item.index]) for item in loaded]
        errors += filter(None, problems)
        usable = [item for item, problem in zip(loaded, problems, strict=True) if problem is None]
        for seen in _patches(scan, [(item.blob, on_image[order[item.index]]) for item in usable], tracer):
            take(seen)
        yield Progress(loaded[-1].index + 1, len(order), "patches: images")
    if order and len(errors) == len(order):
        raise ImageError(f"none of the scan's pictures can be used ({errors[0]}); say where they are with --images")
    return errors


def _problem(scan: Scan, source: Images, item: Loaded, image: int) -> ImageError | None:
    """Why an image cannot be used."""
    if item.error is not None or item.size == scan.size(image):
        return item.error
    return ImageError(f"{source.place(item.index)}: has changed since the scan (another size); scan again")


def _patches(
    scan: Scan, usable: Sequence[tuple[Sample, list[Hit]]], tracer: BaseTracer | None
) -> Generator[Seen, None, None]:
    """All patches of a batch of (image, hits on it)."""
    back: dict[Hit, dict[str, NDArray[np.float32]]] = {hit: {} for _, hits in usable for hit in hits}
    if tracer is not None and usable:
        blobs = np.stack([tracer.model.to_blob(sample) for sample, _ in usable])
        greatest = [[hit for hit in hits if not hit.least] for _, hits in usable]
        for hit, mode, gradient in tracer.trace(blobs, greatest):
            back[hit][mode] = gradient
    for sample, hits in usable:
        for hit in hits:
            seen = scan.layers[hit.layer].seen
            yield Seen(hit, cut_patch(sample, hit.box, scan.preprocessing, True, seen), back[hit])
