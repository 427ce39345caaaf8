"""What an export is made of, shared by all forms."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deepvis.engines.hits import Hit
from deepvis.engines.trace import HitTracer
from deepvis.errors import ExportError, ImageError
from deepvis.export.pictures import BACK_PICTURES, Blocks
from deepvis.export.visit import Seen, visit
from deepvis.scan.reader import Scan
from entropy.measuring import scan_layout as layout
from entropy.measuring.binning import Rule
from entropy.measuring.histograms import DEFAULT_BINS, DEFAULT_QUANTILE
from prototxt.common.progress import Progress

MEMORY = 1 << 30  # bytes of small pictures that are kept at a time
LEAST = "least"

ByLayer = dict[str, list[Hit]]
Work = Generator[Progress, None, None]


@dataclass(frozen=True, eq=False)
class Job:
    """An export.

    Parameters
    ----------
    scan : what is exported.
    layers : names of scanned layers.
    count : patches per unit; all that the scan kept if None.
    size : side of a patch on sheets and in the atlas, in pixels.
    tracer : back-propagation of the patches; None for pixels only.
    least : whether the images that speak most against each unit are exported too.
    multipliers : learning-rate multiplier of every filter, by layer.
    bins, quantile, width : of the histograms, as in `entropy.measure`; those of the plan where there is one.
    root, batch, workers : as in `deepvis.export.visit.visit`.
    errors : is filled with the errors of images that cannot be used any more.
    """

    scan: Scan
    layers: tuple[str, ...]
    count: int | None = None
    size: int = 80
    tracer: HitTracer | None = None
    least: bool = False
    multipliers: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    bins: int | Rule = DEFAULT_BINS
    quantile: float = DEFAULT_QUANTILE
    width: float | None = None
    root: Path | None = None
    batch: int = 8
    workers: int | None = None
    errors: list[ImageError] = field(default_factory=list)

    @property
    def modes(self) -> tuple[str, ...]:
        """Modes of back-propagation."""
        return self.tracer.modes if self.tracer else ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of blocks: the pixels, which have no name, what is back-propagated, and the least."""
        return ("", *self.modes, *([LEAST] if self.least else []))

    @property
    def per_unit(self) -> int:
        """Patches that a unit can have at most."""
        kept = int(self.scan.file.attrs[layout.TOP])
        return kept if self.count is None else min(self.count, kept)

    def record(self, form: str) -> dict[str, Any]:
        """Where the export comes from: form, scan, hashes and versions."""
        attributes = self.scan.file.attrs
        same = (layout.NET, layout.MODEL_HASH, layout.PREPROCESSING_HASH, layout.IMAGES_HASH)
        return {
            "form": form,
            "scan": str(self.scan.path.resolve()),
            **{name: str(attributes[name]) for name in same},
            "images": len(self.scan.paths),
            "layers": list(self.layers),
            "patches": self.per_unit,
            "back_propagation": list(self.modes),
            "least": self.least,
            "version": version("deepvis-caffe"),
        }

    def visit(self, hits: Sequence[Hit], take: Callable[[Seen], None]) -> Work:
        """Give every patch to ``take`` (`deepvis.export.visit.visit`); errors are collected."""
        known = {str(error) for error in self.errors}
        errors = yield from visit(
            self.scan, hits, take, root=self.root, tracer=self.tracer, batch=self.batch, workers=self.workers
        )
        self.errors.extend(error for error in errors if str(error) not in known)

    def blocks(self, hits: ByLayer) -> Generator[Progress, None, Iterator[tuple[str, dict[str, Blocks]]]]:
        """Make the blocks of some layers, as `groups` gives them; by layer, then as in `kinds`."""
        made = {
            name: {kind: Blocks(self.scan.layers[name].units, self.per_unit, self.size) for kind in self.kinds}
            for name in hits
        }
        order = self.scan.preprocessing.channel_order

        def take(seen: Seen) -> None:
            blocks = made[seen.hit.layer]
            blocks[LEAST if seen.hit.least else ""].put(seen.hit.unit, seen.hit.rank, seen.pixels)
            for mode, gradient in seen.back.items():
                blocks[mode].put(seen.hit.unit, seen.hit.rank, BACK_PICTURES[""](gradient, order))

        yield from self.visit([hit for of_layer in hits.values() for hit in of_layer], take)
        return iter(made.items())

    def groups(self, hits: ByLayer) -> Iterator[ByLayer]:
        """Split layers into groups whose blocks fit into `MEMORY`; each group is one walk over its images."""
        group: ByLayer = {}
        used = 0
        for name, of_layer in hits.items():
            needed = Blocks.bytes_for(self.scan.layers[name].units, self.per_unit, self.size) * len(self.kinds)
            if group and used + needed > MEMORY:
                yield group
                group, used = {}, 0
            group[name] = of_layer
            used += needed
        if group:
            yield group


def write_picture(path: Path, rgb: NDArray[np.uint8], *options: int) -> None:
    """Write (H, W, 3) uint8 RGB in the format of the file's extension; see `encoded_picture`."""
    path.write_bytes(encoded_picture(path, rgb, *options))


def encoded_picture(path: Path, rgb: NDArray[np.uint8], *options: int) -> bytes:
    """Give the file of (H, W, 3) uint8 RGB in the format of the path's extension.

    Parameters
    ----------
    options : pairs of OpenCV's ``IMWRITE_`` flags and their values.
    """
    done, data = cv2.imencode(path.suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise ExportError(f"{path}: OpenCV cannot write a picture of {rgb.shape[1]} x {rgb.shape[0]} pixels")
    return data.tobytes()
