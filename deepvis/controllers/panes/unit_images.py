"""The selected unit by pictures: made to drive it, those that drive it most, and what of them reached it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepvis.compute.facts import PATCHES, Facts
from deepvis.controllers.panes.registry import pane
from deepvis.controllers.sources import Sources
from deepvis.engines.hits import hits_of_unit
from deepvis.export.pictures import back_colours
from deepvis.export.unit_folders import UnitPicture, UnitPictures
from deepvis.export.visit import Seen, visit
from deepvis.state.options import BackMode
from deepvis.state.resolve import DisplayState
from deepvis.synthesis.folder import kept_pictures

Pixels = NDArray[np.uint8]

KINDS = {
    "opt": "synthesised",
    "maxim": "maximal images",
    "deconv": "deconv of them",
    "deconvnorm": "its length",
    "backprop": "gradient of them",
    "backpropnorm": "its length",
    "guided": "guided back-propagation of them",
    "guidednorm": "its length",
}
"""Kinds of pictures in unit folders, and what they show."""


@dataclass(frozen=True, eq=False)
class Block:
    """Pictures of one kind.

    Parameters
    ----------
    title : what they are.
    pictures : (h, w, 3) RGB each, the strongest first.
    captions : of each picture; empty for none.
    """

    title: str
    pictures: tuple[Pixels, ...]
    captions: tuple[str, ...] = ()


@dataclass(frozen=True)
class UnitImagesContent:
    """Blocks of pictures beside each other, or what is missing."""

    blocks: tuple[Block, ...] = ()
    missing: str = ""


@pane("unit_images", "Pictures of the unit", follows=("layer", "unit", "back_mode"), lane="net")
def make_unit_images(state: DisplayState, sources: Sources) -> Iterator[UnitImagesContent]:
    """Those made here, of an older toolbox's folder, and of the scan: its patches and back-propagation, on the spot."""
    layer, session = state.layer.name, sources.session
    facts = session.facts
    folders = (("made here", kept_pictures(session.engine.model)), ("", session.unit_pictures))
    blocks = tuple(
        block
        for name, folder in folders
        if folder is not None and layer in folder.layers
        for block in _of_folder(folder, layer, state.unit, name or folder.folder.name)
    )
    if facts is None or not facts.read(lambda scan: layer in scan.layers):
        yield UnitImagesContent(blocks, "" if blocks else _missing(state, session.facts_missing))
        return
    mode: BackMode = state.back_mode if state.back_mode != "off" else "deconv"
    for made in _of_scan(facts, state, sources, mode):
        yield UnitImagesContent((*blocks, *made))


def _of_folder(folder: UnitPictures, layer: str, unit: int, name: str) -> tuple[Block, ...]:
    found: dict[str, list[UnitPicture]] = {}
    for picture in folder.pictures(layer, unit):
        found.setdefault(picture.kind, []).append(picture)
    order = {kind: place for place, kind in enumerate(KINDS)}
    return tuple(
        Block(
            f"{KINDS.get(kind, kind)} ({name})",
            tuple(picture.read() for picture in pictures[:PATCHES]),
            tuple("" if picture.value is None else f"{picture.value:.2f}" for picture in pictures[:PATCHES]),
        )
        for kind, pictures in sorted(found.items(), key=lambda item: order.get(item[0], len(order)))
    )


def _of_scan(facts: Facts, state: DisplayState, sources: Sources, mode: BackMode) -> Iterator[tuple[Block, Block]]:
    """The patches at once, then what back-propagation from each maximum brings, picture by picture."""
    layer, unit, scan = state.layer.name, state.unit, facts.scan
    hits = facts.read(lambda opened: hits_of_unit(opened, layer, unit, PATCHES))
    values = tuple(f"{hit.value:.2f}" for hit in hits)
    patches = facts.unit(layer, unit).patches
    maximal = Block(f"maximal images ({scan.path.name})", tuple(patch.pixels for patch in patches), values)
    seen: dict[int, Pixels] = {}

    def take(one: Seen) -> None:
        seen[one.hit.rank] = back_colours(one.back[mode], scan.preprocessing.channel_order)

    title = f"{mode} from each maximum"
    yield maximal, Block(title, ())
    for _ in visit(scan, hits, take, tracer=sources.session.engine.tracer(mode), batch=1, workers=0):
        ranks = sorted(seen)
        yield maximal, Block(title, tuple(seen[rank] for rank in ranks), tuple(values[rank] for rank in ranks))


def _missing(state: DisplayState, words: str) -> str:
    return words if state.layer.has_filters else f"{state.layer.name} ({state.layer.type}) has no units of its own"
