"""The values behind what is shown, as named arrays: for tables (CSV), for NumPy (NPZ), for the clipboard."""

from __future__ import annotations

import csv
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from deepvis.compute.facts import UnitFacts
from deepvis.controllers.contents import FactsContent, GridContent
from deepvis.controllers.present import class_probabilities
from deepvis.controllers.sources import Sources
from deepvis.errors import ExportError
from deepvis.state.resolve import DisplayState
from prototxt.common.atomic import atomic_path
from prototxt.common.progress import Progress

ROWS_AT_ONCE = 50_000
_PICTURE = ("row", "column", "channel")
_MAPS = ("unit", "row", "column")


@dataclass(frozen=True, eq=False)
class Values:
    """One array.

    Parameters
    ----------
    name : letters, digits and underscores.
    array : numbers or text.
    axes : what each axis of it is.
    """

    name: str
    array: NDArray[Any]
    axes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Shown:
    """What is on screen.

    Parameters
    ----------
    state, sources : what it was made from.
    grid : the middle.
    facts : patches and histogram.
    panes : contents of the open panes, by name.
    """

    state: DisplayState
    sources: Sources
    grid: GridContent
    facts: FactsContent
    panes: Mapping[str, Any]


def values_of(pane: str, shown: Shown) -> tuple[Values, ...]:
    """The values of a pane, as they are on screen.

    Parameters
    ----------
    pane : a key of `deepvis.views.window.Window.saveable`; empty for all of them.

    Returns
    -------
    Nothing where the pane shows nothing yet.
    """
    if pane:
        return tuple(_OF_PANE[pane](shown) if pane in _OF_PANE else _of_content(pane, shown.panes.get(pane)))
    found = [value for key in _OF_PANE for value in _OF_PANE[key](shown)]
    found += [value for key, content in shown.panes.items() for value in _of_content(key, content)]
    return tuple({value.name: value for value in found}.values())


def _input(shown: Shown) -> Iterator[Values]:
    found = shown.sources.activations
    if found is not None:
        yield Values("picture", found.seen_of(shown.state.pair_view), _PICTURE)
        yield Values("net_input", found.blob[0], _axes(found.blob[0], ("channel", "row", "column")))


def _classes(shown: Shown) -> Iterator[Values]:
    net, found = shown.sources.session.engine.net, shown.sources.activations
    if net.class_layer is None or found is None:
        return
    layer = net.layer(net.class_layer)
    shares = class_probabilities(layer, found.maps[layer.value])
    yield Values("class_probability", shares, ("class",))
    yield Values("class_name", np.array([net.class_name(index) for index in range(len(shares))]), ("class",))


def _unit(shown: Shown) -> Iterator[Values]:
    if shown.sources.values is not None:
        unit = shown.sources.values.maps[shown.state.unit]
        yield Values("unit_map", unit, _axes(unit, ("row", "column")))


def _back(shown: Shown) -> Iterator[Values]:
    back = shown.sources.back
    if back is not None and shown.state.origin is not None:
        gradient = back.gradient_of(shown.state.pair_view)
        yield Values("back_propagation", gradient, _axes(gradient, ("channel", "row", "column")))


def _layer(shown: Shown) -> Iterator[Values]:
    """The middle: all units, another view of them, or what fills it."""
    state, grid = shown.state, shown.grid
    if state.zoom in _ZOOMED:
        yield from _ZOOMED[state.zoom](shown)
    elif state.layer_mode == "activations" and shown.sources.values is not None:
        maps = shown.sources.values.maps
        yield Values("layer_gradients" if state.grid_shows_diffs else "layer_maps", maps, _axes(maps, _MAPS))
    elif grid.pixels is not None:
        name = state.layer_mode.replace(" ", "_")
        if grid.values is not None:
            yield Values(name, grid.values, _axes(grid.values, ("row", "column")))
        else:
            yield Values(name, grid.pixels, _PICTURE)


def _facts(shown: Shown) -> Iterator[Values]:
    facts = shown.facts.facts
    if facts is not None and shown.state.show_patches:
        yield from _of_unit(facts)


def _of_unit(facts: UnitFacts) -> Iterator[Values]:
    patches = facts.patches
    yield Values("patch_value", np.array([patch.value for patch in patches]), ("patch",))
    yield Values("patch_position", np.array([patch.position for patch in patches]), ("patch", "axis"))
    yield Values("patch_image", np.array([patch.name for patch in patches]), ("patch",))
    edges = np.linspace(facts.low, facts.high, len(facts.counts) + 1)
    yield Values("histogram_low", edges[:-1], ("bin",))
    yield Values("histogram_images", facts.counts, ("bin",))
    yield Values("h_bits", np.array(facts.bits))
    yield Values("h_rank", np.array(facts.rank))
    if facts.multiplier is not None:
        yield Values("rate", np.array(facts.multiplier))


_OF_PANE: dict[str, Callable[[Shown], Iterator[Values]]] = {
    "input": _input,
    "classes": _classes,
    "unit": _unit,
    "back": _back,
    "layer": _layer,
    "facts": _facts,
}
_ZOOMED = {"unit": _unit, "back": _back}


def _axes(array: NDArray[Any], names: tuple[str, ...]) -> tuple[str, ...]:
    """Names for as many axes as there are; further ones are numbered."""
    return (*names, *(f"axis_{place}" for place in range(len(names), array.ndim)))[: array.ndim]


def _of_content(name: str, content: Any) -> Iterator[Values]:
    """Every number, text and array in a pane's content, named by the way that leads to it."""
    if isinstance(content, np.ndarray) and content.dtype.kind != "O":
        axes = ("row", "column", "channel") if content.ndim > 1 else ("index",)
        yield Values(name, content, _axes(content, axes))
    elif isinstance(content, _SINGLE):
        yield Values(name, np.array(content))
    elif isinstance(content, tuple | list) and content and all(isinstance(one, _SINGLE) for one in content):
        yield Values(name, np.array(content), ("index",))
    elif isinstance(content, tuple | list) and content and _are_rows(content):
        for key in fields(content[0]):
            column = [getattr(row, key.name) for row in content]
            yield from _of_content(f"{name}_{key.name}", column)
    else:
        for key, part in _parts(content):
            yield from _of_content(f"{name}_{key}", part)


_SINGLE = (bool, int, float, str, np.generic)


def _are_rows(content: Sequence[Any]) -> bool:
    """Whether these are the rows of a table: all of one dataclass, with a number or a text in every field."""
    if not is_dataclass(content[0]) or any(type(row) is not type(content[0]) for row in content):
        return False
    return all(isinstance(getattr(row, part.name), _SINGLE) for row in content for part in fields(row))


def _parts(content: Any) -> Iterable[tuple[Any, Any]]:
    """What a content is made of; nothing where it is no container."""
    if is_dataclass(content) and not isinstance(content, type):
        return [(part.name, getattr(content, part.name)) for part in fields(content)]
    if isinstance(content, Mapping):
        return content.items()
    return enumerate(content) if isinstance(content, tuple | list) else ()


def write_values(values: Sequence[Values], path: Path) -> Generator[Progress, None, None]:
    """Write arrays whole or not at all, as ``.npz`` by name, or as a ``.csv`` with a line for every value.

    Raises
    ------
    ExportError : for another ending, or where there is nothing to write.
    FormatError : if the file cannot be written.
    """
    if path.suffix.lower() not in _WRITERS:
        raise ExportError(
            f"{path}: values are written as {' or '.join(_WRITERS)}; give a name with one of these endings"
        )
    if not values:
        raise ExportError("there are no values here yet; choose another pane, or wait until it shows something")
    with atomic_path(path) as temporary:
        yield from _WRITERS[path.suffix.lower()](values, temporary)


def _write_npz(values: Sequence[Values], path: Path) -> Generator[Progress, None, None]:
    yield Progress(0, 1, "save: values")
    with path.open("wb") as file:
        arrays: dict[str, Any] = {value.name: value.array for value in values}
        np.savez_compressed(file, **arrays)
    yield Progress(1, 1, "save: values")


def _write_csv(values: Sequence[Values], path: Path) -> Generator[Progress, None, None]:
    with path.open("w", newline="", encoding="utf-8") as file:
        yield from write_table(values, file, ",")


_WRITERS: dict[str, Callable[[Sequence[Values], Path], Generator[Progress, None, None]]] = {
    ".npz": _write_npz,
    ".csv": _write_csv,
}


def write_table(values: Sequence[Values], file: TextIO, separator: str) -> Generator[Progress, None, None]:
    """Write a line for every value: the array's name, its place along each axis (empty where it has none), itself."""
    axes = list(dict.fromkeys(axis for value in values for axis in value.axes))
    writer = csv.writer(file, delimiter=separator, lineterminator="\n")
    writer.writerow(("array", *axes, "value"))
    done, total = 0, sum(value.array.size for value in values)
    for value in values:
        for rows in _rows(value, axes):
            writer.writerows(rows)
            done = min(total, done + ROWS_AT_ONCE)
            yield Progress(done, total, "save: values")


def _rows(value: Values, axes: Sequence[str]) -> Iterator[Iterable[tuple[Any, ...]]]:
    """The lines of one array, a block at a time; places count from 0."""
    flat = value.array.reshape(-1)
    for start in range(0, flat.size, ROWS_AT_ONCE):
        part = flat[start : start + ROWS_AT_ONCE]
        places = np.unravel_index(np.arange(start, start + len(part)), value.array.shape) if value.axes else ()
        known = dict(zip(value.axes, places, strict=True))
        empty = [""] * len(part)
        columns = [known[axis].tolist() if axis in known else empty for axis in axes]
        yield zip([value.name] * len(part), *columns, part.tolist(), strict=True)
