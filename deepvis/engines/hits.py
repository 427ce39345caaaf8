"""Which patches are exported: for every unit the images that drive it most, and where the unit looked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass

from deepvis.scan.reader import Scan
from entropy.errors import ScanError
from prototxt.common.progress import Progress
from prototxt.pixels.geometry import Box

STEP = 64  # units between two yields


@dataclass(frozen=True, slots=True)
class Hit:
    """One of the maxima of a unit.

    Parameters
    ----------
    layer, unit, rank : whose, and the how-manieth (0 is the strongest).
    image : number of the image in the scan.
    value : the maximum.
    position : row and column of it in the unit's map; more numbers for maps of more axes, 0, 0 for a single number.
    box : what the unit saw, half-open (y0, x0, y1, x1) in the input blob; it may reach beyond the blob. For inputs
        with a depth or time axis (d0, y0, x0, d1, y1, x1).
    least : whether it is one of the least minima before the activation instead, which speak most against the unit.
    """

    layer: str
    unit: int
    rank: int
    image: int
    value: float
    position: tuple[int, ...]
    box: Box
    least: bool = False


def find_hits(
    scan: Scan, layers: Sequence[str], count: int | None = None, least: bool = False
) -> Generator[Progress, None, dict[str, list[Hit]]]:
    """Collect the maxima of all units of some layers.

    Parameters
    ----------
    scan : where they come from.
    layers : names of scanned layers; a `ScanError` for one that is not there.
    count : maxima per unit, at least 1; all that the scan kept if None.
    least : whether the least minima are wanted too; a `ScanError` if the scan has none.

    Returns
    -------
    By layer in the order given: hits by unit, then rank; a unit's least after its greatest.
    """
    unknown = [name for name in layers if name not in scan.layers]
    if unknown:
        raise ScanError(f"{scan.path}: has no layer {unknown[0]!r}; it has {', '.join(scan.layers)}")
    total = sum(scan.layers[name].units for name in layers)
    found: dict[str, list[Hit]] = {}
    done = 0
    for name in layers:
        found[name] = []
        for unit in range(scan.layers[name].units):
            found[name] += hits_of_unit(scan, name, unit, count, False)
            if least:
                found[name] += hits_of_unit(scan, name, unit, count, True)
            done += 1
            if done % STEP == 0 or done == total:
                yield Progress(done, total, "units")
    return found


def by_image(hits: Iterable[Hit]) -> dict[int, list[Hit]]:
    """Hits by the number of their image."""
    images: dict[int, list[Hit]] = defaultdict(list)
    for hit in hits:
        images[hit.image].append(hit)
    return dict(images)


def hits_of_unit(scan: Scan, layer: str, unit: int, count: int | None = None, least: bool = False) -> list[Hit]:
    """The maxima of one unit, or its least minima; parameters and errors as in `find_hits`."""
    top = scan.bottom(layer, unit) if least else scan.top(layer, unit)
    hits = []
    for rank in range(len(top) if count is None else min(count, len(top))):
        image = int(top.images[rank])
        position = tuple(top.positions[rank].tolist())
        box = scan.place(layer, image, position)
        hits.append(Hit(layer, unit, rank, image, float(top.values[rank]), position, box, least))
    return hits
