"""The atlas: web pages that need no server and nothing from outside; a page for each layer, a link for each unit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from deepvis import palette
from deepvis.engines.hits import Hit
from deepvis.export.folder import file_names
from deepvis.export.job import ByLayer, Job, Work, write_picture
from deepvis.export.pictures import Blocks, tile
from deepvis.export.unit_entries import BARS, HEIGHT, UnitEntry, bars, unit_entries
from deepvis.scan.scanned import ScannedLayer
from prototxt.common.progress import Progress

COLUMNS, ROWS, GAP = 8, 8, 2  # blocks on a sprite sheet, and pixels between them
QUALITY = 85  # of WebP
COLOURS = {name.lower(): getattr(palette, name) for name in ("GROUND", "PANEL", "RAISED", "LINE", "TEXT", "DIM")} | {
    "accent": palette.ACCENT,
    "link": palette.ORIGIN,
}
PREVIEWS = 6


@dataclass(frozen=True)
class LayerEntry:
    """One layer on its page and in the list.

    Parameters
    ----------
    name, type, blob, units, map_shape : as in the scan.
    file : its page's name without ending.
    field : what a position sees of the input, such as ``63 x 63``; empty if unknown or everything.
    entries : its units.
    low, high : range of the histograms.
    bars : histogram of H over the units.
    previews : units with the greatest H among those on the first sprite sheet.
    sheets : sprite sheets of one kind.
    block : (height, width) of a block on them.
    columns : patches in a row of a block.
    """

    name: str
    type: str
    blob: str
    units: int
    map_shape: tuple[int, ...]
    file: str
    field: str
    entries: Sequence[UnitEntry]
    low: float
    high: float
    bars: str
    previews: tuple[int, ...]
    sheets: int
    block: tuple[int, int]
    columns: int

    @property
    def mean_h(self) -> float:
        """Mean H of the units, in bits."""
        return float(np.mean([entry.h for entry in self.entries]))

    @property
    def silent(self) -> int:
        """Units that were zero everywhere."""
        return sum(entry.zeros == 1 for entry in self.entries)

    @property
    def free(self) -> int | None:
        """Units whose rate is above 0; None without a plan."""
        rates = [entry.rate for entry in self.entries]
        return None if None in rates else sum(rate > 0 for rate in rates if rate is not None)


def write_atlas(job: Job, hits: ByLayer, folder: Path) -> Work:
    """Write ``index.html``, ``layers/<layer>.html#u7``, sprite sheets, and the data for the search."""
    names = file_names(list(hits))
    for part in ("layers", "sprites"):
        (folder / part).mkdir()
    layers: list[LayerEntry] = []
    for group in job.groups(hits):
        made = yield from job.blocks(group)
        for name, kinds in made:
            for kind, blocks in kinds.items():
                yield from _write_sprites(folder / "sprites", name, names[name] + (f"_{kind}" if kind else ""), blocks)
            layers.append(_layer_entry(job, name, names[name], hits[name], kinds[""]))
    yield from _write_pages(job, folder, layers)


def _write_sprites(folder: Path, name: str, stem: str, blocks: Blocks) -> Work:
    units, per_sheet = len(blocks.pixels), COLUMNS * ROWS
    for number, start in enumerate(range(0, units, per_sheet)):
        sheet = tile(blocks.pixels[start : start + per_sheet], COLUMNS, GAP)
        write_picture(folder / f"{stem}_{number}.webp", sheet, cv2.IMWRITE_WEBP_QUALITY, QUALITY)
        yield Progress(min(start + per_sheet, units), units, f"atlas: units of {name}")


def _layer_entry(job: Job, name: str, file: str, hits: list[Hit], blocks: Blocks) -> LayerEntry:
    layer = job.scan.layers[name]
    entries, (low, high) = unit_entries(job, name, hits)
    values = np.array([entry.h for entry in entries])
    counts, _ = np.histogram(values, bins=BARS, range=(0, 8))
    first_sheet = values[: COLUMNS * ROWS]
    return LayerEntry(
        name=name,
        type=layer.type,
        blob=layer.blob,
        units=layer.units,
        map_shape=layer.map_shape,
        file=file,
        field=_field(layer),
        entries=entries,
        low=low,
        high=high,
        bars=bars(counts),
        previews=tuple(np.argsort(-first_sheet, kind="stable")[:PREVIEWS].tolist()),
        sheets=-(-layer.units // (COLUMNS * ROWS)),
        block=blocks.shape,
        columns=blocks.columns,
    )


def _field(layer: ScannedLayer) -> str:
    """Size of the receptive field; the longest where positions differ."""
    if layer.rows is None or layer.columns is None or not layer.map_shape:
        return ""
    height, width = (int((axis[:, 1] - axis[:, 0]).max()) for axis in (layer.rows, layer.columns))
    return f"{height} × {width}"


def _write_pages(job: Job, folder: Path, layers: Sequence[LayerEntry]) -> Work:
    environment = templates()
    record = job.record("atlas")
    common: dict[str, Any] = {
        "net": record["net"],
        "record": record,
        "kinds": job.kinds[1:],
        "planned": bool(job.multipliers),
        "layers": layers,
        "sheet": {"columns": COLUMNS, "rows": ROWS, "gap": GAP, "cell": job.size},
        "bars_size": (BARS, HEIGHT),
    }
    (folder / "atlas.css").write_text(environment.get_template("atlas.css").render(COLOURS), encoding="utf-8")
    (folder / "atlas.js").write_text(environment.get_template("atlas.js").render(), encoding="utf-8")
    (folder / "units.js").write_text(f"const ATLAS = {_search_data(layers, job.size)};\n", encoding="utf-8")
    index = environment.get_template("index.html").render(common, root="")
    (folder / "index.html").write_text(index, encoding="utf-8")
    page = environment.get_template("layer.html")
    for number, layer in enumerate(layers):
        around = {
            "before": layers[number - 1] if number else None,
            "after": layers[number + 1] if number + 1 < len(layers) else None,
        }
        text = page.render(common, layer=layer, root="../", **around)
        (folder / "layers" / f"{layer.file}.html").write_text(text, encoding="utf-8")
        yield Progress(number + 1, len(layers), "atlas: pages")


def templates() -> Environment:
    """The templates of web pages; their filter ``number`` is `short`."""
    environment = Environment(
        loader=PackageLoader("deepvis.export"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = short
    return environment


def short(value: float) -> str:
    """Write a number with three significant digits, without an exponent where that is short."""
    if value == 0:
        return "0"
    return f"{value:.3g}" if 1e-3 <= abs(value) < 1e3 else f"{value:.0f}" if 1e3 <= abs(value) < 1e6 else f"{value:.1e}"


def _search_data(layers: Sequence[LayerEntry], cell: int) -> str:
    """JSON of what the search looks through; classes by number, so that names stand there once."""
    numbers: dict[str, int] = {}
    listed = []
    for layer in layers:
        entries = layer.entries
        classes = [[numbers.setdefault(name, len(numbers)) for name, _ in entry.classes] for entry in entries]
        listed.append(
            {
                "name": layer.name,
                "file": layer.file,
                "block": layer.block,
                "h": [round(entry.h, 3) for entry in entries],
                "rate": [None if entry.rate is None else round(entry.rate, 4) for entry in entries],
                "max": [float(short(entry.max)) for entry in entries],
                "zeros": [round(entry.zeros, 4) for entry in entries],
                "classes": classes,
            }
        )
    sheet = {"columns": COLUMNS, "rows": ROWS, "gap": GAP, "cell": cell}
    return json.dumps({"sheet": sheet, "classes": list(numbers), "layers": listed}, separators=(",", ":"))
