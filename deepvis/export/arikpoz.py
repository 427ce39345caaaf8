"""The unit folders of arikpoz's toolbox: ``layer/unit_0007/maxim_000.png`` and ``info.txt``, for its readers."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from deepvis.engines.hits import Hit
from deepvis.export.job import ByLayer, Job, Work, write_picture
from deepvis.export.pictures import BACK_PICTURES
from deepvis.export.visit import Seen
from deepvis.scan.reader import Scan

NAMES = {"gradient": "backprop", "deconv": "deconv", "guided": "guided"}
"""Beginning of a file's name by mode. In arikpoz's own folders ``deconv`` holds guided back-propagation; here the names
say what is in the files."""
INFO = "info.txt"
MINIMA = "min_"  # before the names of what belongs to the least
HEADER = "# is_conv val image_idx image_class i(if is_conv) j(if is_conv) filename"


def write_unit_folders(job: Job, hits: ByLayer, folder: Path) -> Work:
    """Write ``layer/unit_0007/`` with ``maxim_000.png`` (original pixels) and ``info.txt`` for every unit.

    With back-propagation there are ``deconv_000.png`` and ``deconvnorm_000.png`` (its length over the channels) and
    so on, by `NAMES`; the least are ``min_maxim_000.png`` and ``min_info.txt``. A layer's name with ``/`` becomes
    folders in folders, as in arikpoz's toolbox.
    """
    order = job.scan.preprocessing.channel_order
    for name, of_layer in hits.items():
        for unit in range(job.scan.layers[name].units):
            unit_folder(folder, name, unit).mkdir(parents=True)
        for (unit, least), mine in groupby(of_layer, key=lambda hit: (hit.unit, hit.least)):
            info = "\n".join([HEADER, *_info(job.scan, mine)]) + "\n"
            (unit_folder(folder, name, unit) / f"{MINIMA * least}{INFO}").write_text(info, encoding="utf-8")

    def take(seen: Seen) -> None:
        place = unit_folder(folder, seen.hit.layer, seen.hit.unit)
        end = f"{seen.hit.rank:03d}.png"
        write_picture(place / f"{MINIMA * seen.hit.least}maxim_{end}", seen.pixels)
        for mode, gradient in seen.back.items():
            for ending, draw in BACK_PICTURES.items():
                write_picture(place / f"{NAMES[mode]}{ending}_{end}", draw(gradient, order))

    yield from job.visit([hit for of_layer in hits.values() for hit in of_layer], take)


def unit_folder(folder: Path, layer: str, unit: int) -> Path:
    """Folder of a unit; parts of a layer's name that would lead out of ``folder`` are replaced."""
    parts = ["_" if part in ("", ".", "..") else part for part in layer.split("/")]
    return folder.joinpath(*parts, f"unit_{unit:04d}")


def _info(scan: Scan, hits: Iterable[Hit]) -> Iterable[str]:
    """A line for each hit: whether the layer has maps, value, image, class, place in the map, file."""
    for hit in hits:
        maps = bool(scan.layers[hit.layer].map_shape)
        place = f"{hit.position[-2]} {hit.position[-1]} " if maps else ""
        known = f"{hit.image} {scan.labels[hit.image]}"
        yield f"{int(maps)} {hit.value:.6f} {known} {place}{scan.paths[hit.image]}"
