"""Every patch as a PNG of its own, and a table of them."""

from __future__ import annotations

import csv
from pathlib import Path

from deepvis.engines.hits import Hit
from deepvis.export.folder import file_names
from deepvis.export.job import LEAST, ByLayer, Job, Work, write_picture
from deepvis.export.pictures import back_colours
from deepvis.export.visit import Seen
from deepvis.scan.patches import visible_boxes
from deepvis.scan.reader import Scan

TABLE = "patches.csv"
COLUMNS = ("file", "layer", "unit", "least", "rank", "value", "image", "label", "row", "column", "y0", "x0", "y1", "x1")


def write_patches(job: Job, hits: ByLayer, folder: Path) -> Work:
    """Write ``layer/0007_0.png`` (unit 7, its strongest patch) in the picture's own pixels, and ``patches.csv``.

    With back-propagation there is ``layer/0007_0_guided.png`` too, of the least ``layer/0007_least_0.png``. The last
    four columns of the table are the place of the patch in the image, half-open, in its pixels.
    """
    names = file_names(list(hits))
    written: list[tuple[str, Hit]] = []
    order = job.scan.preprocessing.channel_order
    for name in hits:
        (folder / names[name]).mkdir()

    def take(seen: Seen) -> None:
        hit = seen.hit
        stem = f"{names[hit.layer]}/{hit.unit:04d}_{f'{LEAST}_' if hit.least else ''}{hit.rank}"
        write_picture(folder / f"{stem}.png", seen.pixels)
        for mode, gradient in seen.back.items():
            write_picture(folder / f"{stem}_{mode}.png", back_colours(gradient, order))
        written.append((f"{stem}.png", hit))

    yield from job.visit([hit for of_layer in hits.values() for hit in of_layer], take)
    places = {name: number for number, name in enumerate(hits)}
    written.sort(key=lambda entry: (places[entry[1].layer], entry[1].unit, entry[1].least, entry[1].rank))
    with (folder / TABLE).open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        table.writerows(_row(job.scan, path, hit) for path, hit in written)


def _row(scan: Scan, path: str, hit: Hit) -> tuple[object, ...]:
    box = visible_boxes(hit.box, scan.size(hit.image), scan.preprocessing, scan.layers[hit.layer].seen)[0]
    place = (scan.paths[hit.image], int(scan.labels[hit.image]))
    return (path, hit.layer, hit.unit, int(hit.least), hit.rank, f"{hit.value:.9g}", *place, *hit.position[-2:], *box)
