"""What a user gave to the window, by dropping, choosing or naming it: which kind of thing it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from deepvis.model.files import BASELINE, CONVERSION, WEIGHTS
from deepvis.model.pytorch import ONNX, SUFFIXES


def _is_scan(path: Path) -> bool:
    return path.suffix.lower() in (".h5", ".hdf5") and not path.name.endswith(WEIGHTS)


def _is_model(path: Path) -> bool:
    if path.is_dir():
        return any((path / name).is_file() for name in (CONVERSION, BASELINE)) or any(path.glob("*.prototxt"))
    return path.suffix == ".prototxt" or path.name in (CONVERSION, BASELINE)


KINDS: dict[str, Callable[[Path], bool]] = {
    "model": _is_model,
    "weights": lambda path: path.name.endswith(WEIGHTS),
    "pytorch": lambda path: path.is_file() and path.suffix.lower() in SUFFIXES,
    "onnx": lambda path: path.is_file() and path.suffix.lower() == ONNX,
    "scan": _is_scan,
    "plan": lambda path: path.suffix.lower() == ".json",
    "pictures": lambda path: True,
}
"""Kinds by name, with how one is told; the first that fits is the one. Of several things that are given together, the
first of this table leads: what opens it (`deepvis.views.actions.registry.OPENS`) takes the others along."""


def kind_of(path: Path) -> str:
    """Name of the kind of thing that a path is, of `KINDS`; only names and folders are looked at, no contents."""
    return next(kind for kind, fits in KINDS.items() if fits(path))


def by_kind(paths: Iterable[Path]) -> dict[str, list[Path]]:
    """Paths by what they are, in the order of `KINDS`; only kinds of which there is one."""
    told = [(kind_of(path), path) for path in paths]
    found = {kind: [path for other, path in told if other == kind] for kind in KINDS}
    return {kind: those for kind, those in found.items() if those}
