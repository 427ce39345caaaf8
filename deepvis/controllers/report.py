"""A report of one unit: a web page in one file, with everything that the window knows of it and where it comes from."""

from __future__ import annotations

import base64
from collections.abc import Generator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deepvis.compute.facts import Facts, UnitFacts
from deepvis.controllers import present
from deepvis.controllers.contents import ImageContent
from deepvis.controllers.sources import Sources
from deepvis.errors import ExportError
from deepvis.export.atlas import COLOURS, templates
from deepvis.export.unit_entries import BARS, HEIGHT, UnitEntry, bars, class_name, top_classes
from deepvis.scan.reader import Scan
from deepvis.state.resolve import DisplayState
from entropy.measuring import scan_layout as layout
from prototxt.common.atomic import write_text
from prototxt.common.errors import InputError
from prototxt.common.progress import Progress

_STEPS = 4
_ENDINGS = (".html", ".htm")


@dataclass(frozen=True)
class Picture:
    """A picture of the report.

    Parameters
    ----------
    title, detail : below it.
    source : its pixels as a data address; empty where there are none.
    smooth : whether it is a photograph.
    box : of a frame: left, top, width and height in percent.
    """

    title: str
    detail: str
    source: str = ""
    smooth: bool = True
    box: tuple[float, ...] = ()


def write_report(state: DisplayState, sources: Sources, path: Path) -> Generator[Progress, None, None]:
    """Write the report of the selected unit whole or not at all.

    Parameters
    ----------
    state, sources : what the window shows.
    path : ends in ``.html``.

    Raises
    ------
    ExportError : for another ending.
    FormatError : if the file cannot be written.
    """
    if path.suffix.lower() not in _ENDINGS:
        raise ExportError(f"{path}: a report is a web page; give a name that ends in .html")
    yield Progress(0, _STEPS, "report: pictures")
    values = _of_picture(state, sources)
    yield Progress(1, _STEPS, "report: scan")
    values |= _of_scan(state, sources)
    yield Progress(2, _STEPS, "report: provenance")
    values |= {"provenance": provenance(sources)}
    yield Progress(3, _STEPS, "report: page")
    page = templates().get_template("unit.html").render(COLOURS | values)
    write_text(path, page)
    yield Progress(_STEPS, _STEPS, "report: written")


def _of_picture(state: DisplayState, sources: Sources) -> dict[str, Any]:
    """What the unit does on the picture that is shown, drawn as the window draws it."""
    engine, found = sources.session.engine, sources.activations
    names = engine.net.unit_names(state.layer.name)
    seen = None if found is None else found.seen_of(state.pair_view)
    contents = [
        present.unit_content(state, sources.values, None if found is None else found.seen, names),
        present.back_content(state, sources.back, seen, engine.red_channel),
    ]
    if found is not None:
        contents.insert(0, present.input_content(state, found, sources.values, engine.net))
    return {
        "net": engine.net.name,
        "title": f"{state.unit_text} {names[state.unit] if names else ''}".strip(),
        "unit": state.unit,
        "layer": state.layer,
        "pictures": [_picture(content) for content in contents],
        "classes": present.classes_content(engine.net, found).rows,
    }


def _of_scan(state: DisplayState, sources: Sources) -> dict[str, Any]:
    """What the scan knows of the unit, or why it knows nothing."""
    facts, layer = sources.session.facts, state.layer.name
    missing = sources.session.facts_missing
    if facts is not None:
        try:
            known = facts.unit(layer, state.unit)
            return {
                "entry": facts.read(lambda scan: _entry(scan, known)),
                "patches": [
                    Picture(f"{patch.value:.4g}", patch.name.rsplit("/", 1)[-1], _address(patch.pixels))
                    for patch in known.patches
                ],
                "images": known.images,
                "units": known.units,
                "low": known.low,
                "high": known.high,
                "bins": len(known.counts),
                "bars_size": (BARS, HEIGHT),
            }
        except InputError as error:
            missing = str(error)
    return {"entry": None, "missing": missing}


def _entry(scan: Scan, facts: UnitFacts) -> UnitEntry:
    """The unit as the atlas has it."""
    unit, statistics = facts.unit, scan.statistics(facts.layer)
    return UnitEntry(
        unit=unit,
        h=facts.bits,
        rank=facts.rank,
        mean=float(statistics.mean[unit]),
        max=float(statistics.max[unit]),
        zeros=float(statistics.zeros[unit]),
        rate=facts.multiplier,
        bars=bars(facts.counts),
        classes=tuple((class_name(scan, label), value) for label, value in top_classes(scan, facts.layer)[unit]),
        images=tuple((patch.value, patch.name, "") for patch in facts.patches),
    )


def provenance(sources: Sources) -> list[tuple[str, str]]:
    """Where what is shown comes from: name and value of each thing."""
    model, facts, found = sources.session.engine.model, sources.session.facts, sources.activations
    lines = [
        ("net", f"{model.name} ({model.path})"),
        ("weights", model.hash),
        ("preprocessing", " ".join(model.preprocessing.to_json().split())),
    ]
    if found is not None:
        lines.append(("picture", f"{found.frame.name}, {found.frame.size_text}, fitted {found.frame.fit}"))
    if facts is not None:
        lines += _of_file(facts)
    return [*lines, ("deepvis", version("deepvis-caffe"))]


def _of_file(facts: Facts) -> list[tuple[str, str]]:
    attributes = facts.read(lambda scan: dict(scan.file.attrs))
    lines = [
        ("scan", f"{facts.path} ({'stale: ' + facts.stale if facts.stale else 'of these weights and preprocessing'})")
    ]
    names = {layout.MODEL_HASH: "weights", layout.PREPROCESSING_HASH: "preprocessing", layout.IMAGES_HASH: "pictures"}
    return lines + [(f"scan: {word}", str(attributes[name])) for name, word in names.items() if name in attributes]


def _picture(content: ImageContent) -> Picture:
    if content.pixels is None:
        return Picture(content.title, content.missing)
    scale = "" if content.scale is None else f" · colours {content.scale.low:.3g} to {content.scale.high:.3g}"
    box = () if content.box is None else tuple(round(100 * share, 2) for share in content.box)
    return Picture(content.title, content.detail + scale, _address(content.pixels), content.smooth, box)


def _address(pixels: NDArray[np.uint8]) -> str:
    """(H, W, 3 or 4) RGB or RGBA as a PNG inside of the page."""
    order = cv2.COLOR_RGBA2BGRA if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR
    done, data = cv2.imencode(".png", cv2.cvtColor(pixels, order))
    if not done:
        raise ExportError(f"OpenCV cannot write a picture of {pixels.shape[1]} x {pixels.shape[0]} pixels")
    return "data:image/png;base64," + base64.b64encode(data.tobytes()).decode()
