"""Reads the pictures of units that the older toolboxes wrote: arikpoz's unit folders and Yosinski's montages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepvis.errors import ExportError
from deepvis.export.arikpoz import INFO, MINIMA
from deepvis.sources.files import natural_key
from prototxt.pixels.decode import EXTENSIONS, read_image

UNIT = re.compile(r"unit_(\d{4,})")
SYNTHESISED = "opt"
RANKED = re.compile(r"(.+?)_(\d{3,})(?:_.*)?")
# Yosinski's folders by what is in them: for each unit one picture, a montage whose making was never published.
MONTAGES = {"max_im": "maxim", "max_deconv": "deconv", "regularized_opt": "opt"}


@dataclass(frozen=True)
class UnitPicture:
    """A picture of a unit.

    Parameters
    ----------
    path : the file.
    kind : what it shows: ``maxim``, ``deconv``, ``backprop``, ``opt`` …, as in the files' names.
    rank : the how-manieth of its kind, from 0.
    montage : whether it holds several patches in one picture.
    value, image : from ``info.txt``: the maximum, and the file that it was found on; of what was synthesised the value
        that it reaches; None where there is none.
    """

    path: Path
    kind: str
    rank: int
    montage: bool = False
    value: float | None = None
    image: str | None = None

    def read(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB; an `ImageError` if the file is broken."""
        return read_image(self.path)


@dataclass(frozen=True, eq=False)
class UnitPictures:
    """Pictures of the units of some layers.

    Parameters
    ----------
    folder : where they are.
    places : by layer, then unit: what `pictures` lists.
    list_pictures : gives the pictures of a place.
    """

    folder: Path
    places: dict[str, dict[int, list[Path]]]
    list_pictures: Callable[[list[Path]], list[UnitPicture]]

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers."""
        return tuple(self.places)

    def units(self, layer: str) -> tuple[int, ...]:
        """Units of a layer that have pictures, ascending; an `ExportError` for a layer that is not there."""
        return tuple(sorted(self._layer(layer)))

    def pictures(self, layer: str, unit: int, kind: str | None = None) -> list[UnitPicture]:
        """Pictures of a unit by kind and rank; none for a unit without any, an `ExportError` for an unknown layer.

        Parameters
        ----------
        kind : as in `UnitPicture`; None for all.
        """
        found = self.list_pictures(self._layer(layer).get(unit, []))
        return sorted(
            (picture for picture in found if kind is None or picture.kind == kind), key=lambda one: (one.kind, one.rank)
        )

    def _layer(self, name: str) -> dict[int, list[Path]]:
        if name not in self.places:
            raise ExportError(f"{self.folder}: has no layer {name!r}; it has {', '.join(self.layers)}")
        return self.places[name]


def open_unit_pictures(folder: Path | str) -> UnitPictures:
    """Open a folder that arikpoz's (`unit_0007/maxim_000.png`) or Yosinski's toolbox (`max_im/conv1/…`) wrote.

    Raises
    ------
    ExportError : if it is neither.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ExportError(f"{folder}: is no folder; give one with unit folders, or with {' or '.join(MONTAGES)} in it")
    if any((folder / name).is_dir() for name in MONTAGES):
        return UnitPictures(folder, _montage_places(folder), _montages)
    if places := _unit_places(folder):
        return UnitPictures(folder, places, _ranked)
    raise ExportError(
        f"{folder}: has neither folders such as conv1/unit_0000 (arikpoz) nor {' or '.join(MONTAGES)} (Yosinski)"
    )


def _unit_places(folder: Path) -> dict[str, dict[int, list[Path]]]:
    """Unit folders by layer; a layer is the path above them, in several folders if its name has ``/``."""
    places: dict[str, dict[int, list[Path]]] = {}
    for layer, unit, place in sorted(_unit_folders(folder, ()), key=lambda found: natural_key(found[0])):
        places.setdefault(layer, {})[unit] = [place]
    return places


def _unit_folders(folder: Path, above: tuple[str, ...]) -> Iterator[tuple[str, int, Path]]:
    for place in folder.iterdir():
        if not place.is_dir() or place.name.startswith("."):
            continue
        if above and (unit := UNIT.fullmatch(place.name)):
            yield "/".join(above), int(unit[1]), place
        elif not place.is_symlink():
            yield from _unit_folders(place, (*above, place.name))


def _ranked(places: list[Path]) -> list[UnitPicture]:
    """Pictures of a unit folder; value and image of ``maxim`` (and of minima) from the info files beside them."""
    found = []
    for place in places:
        info = {name: _info(place / name) for name in (INFO, f"{MINIMA}{INFO}")}
        for path in place.iterdir():
            ranked = RANKED.fullmatch(path.stem)
            if ranked is None or path.suffix.lower() not in EXTENSIONS:
                continue
            kind, rank = ranked[1], int(ranked[2])
            if kind == SYNTHESISED:
                found.append(UnitPicture(path, kind, rank, value=_reached(path.with_suffix(".json"))))
                continue
            values = info[f"{MINIMA}{INFO}" if kind.startswith(MINIMA) else INFO]
            value, image = values[rank] if rank < len(values) else (None, None)
            found.append(UnitPicture(path, kind, rank, value=value, image=image))
    return found


def _reached(record: Path) -> float | None:
    """The activation in the record beside a synthesised picture; None where there is none."""
    try:
        return float(json.loads(record.read_text(encoding="utf-8"))["activation"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _info(path: Path) -> list[tuple[float, str]]:
    """(value, image) of each line of an info file: layers with maps have two numbers more than others.

    The number of columns differs between versions of the toolbox too; the heading says how many there are.
    """
    if not path.is_file():
        return []
    lines = [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    heading = next((line for line in lines if line.startswith("#")), "")
    columns = len(heading.lstrip("# ").replace("(if is_conv)", "").split()) or 7
    found = []
    for line in (line for line in lines if not line.startswith("#")):
        maps = line.split(maxsplit=1)[0] == "1"
        parts = line.split(maxsplit=columns - 1 if maps else columns - 3)
        try:
            found.append((float(parts[1]), parts[-1]))
        except (IndexError, ValueError) as error:
            raise ExportError(f"{path}: line {line!r} is not 'is_conv value image class … file'") from error
    return found


def _montage_places(folder: Path) -> dict[str, dict[int, list[Path]]]:
    """``max_im/conv1/conv1_0007.jpg`` and its likes by layer and unit."""
    places: dict[str, dict[int, list[Path]]] = {}
    for name in MONTAGES:
        for layer in sorted(path for path in folder.glob(f"{name}/*") if path.is_dir()):
            for path in sorted(layer.iterdir()):
                unit = re.fullmatch(rf"{re.escape(layer.name)}_(\d+)(_montage)?", path.stem)
                if unit and path.suffix.lower() in EXTENSIONS:
                    places.setdefault(layer.name, {}).setdefault(int(unit[1]), []).append(path)
    return places


def _montages(paths: list[Path]) -> list[UnitPicture]:
    return [UnitPicture(path, MONTAGES[path.parent.parent.name], 0, montage=True) for path in paths]
