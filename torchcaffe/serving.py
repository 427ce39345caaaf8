"""``import caffe`` gives torchcaffe: in this program, for one user's code, or in any program that has the folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from prototxt.common.errors import InputError

FOLDER = Path(__file__).absolute().parent / "served"
"""What goes on ``PYTHONPATH``: a package ``caffe`` lies in it."""


def install(replace: bool = False) -> ModuleType:
    """Let ``import caffe`` give torchcaffe in this program from now on: `FOLDER` comes first on ``sys.path``.

    Parameters
    ----------
    replace : also where another Caffe is installed or imported already. What a module has imported, it keeps.

    Returns
    -------
    The package ``caffe``.

    Raises
    ------
    InputError : there is another Caffe, and ``replace`` is not given.
    """
    other = _other_caffe()
    if other is not None and not replace:
        raise InputError(
            f"torchcaffe.install(): there is another Caffe, {other}; torchcaffe.install(replace=True) takes its place "
            "in this program"
        )
    if not _is_ours(sys.modules.get("caffe")):
        _taken_out()
        sys.path.insert(0, str(FOLDER))
    return import_module("caffe")


@contextmanager
def served_as_caffe() -> Iterator[None]:
    """Let ``import caffe`` give torchcaffe while the block runs, whatever it gives otherwise."""
    if _is_ours(sys.modules.get("caffe")):
        yield
        return
    before = _taken_out() if "caffe" in sys.modules else {}
    sys.modules["caffe"] = import_module("torchcaffe.served.caffe")
    try:
        yield
    finally:
        for name in _own_names():
            sys.modules.pop(name, None)
        sys.modules.update(before)


@cache
def _own_names() -> tuple[str, ...]:
    """``caffe`` and all modules in it. A user's layers pass here with every call, so they are looked up once."""
    files = (file.relative_to(FOLDER).with_suffix("") for file in (FOLDER / "caffe").rglob("*.py"))
    return tuple(".".join(file.parts).removesuffix(".__init__") for file in files)


def _is_ours(module: ModuleType | None) -> bool:
    return module is not None and str(getattr(module, "__file__", "")).startswith(str(FOLDER))


def _taken_out() -> dict[str, ModuleType]:
    """Remove ``caffe`` and all modules in it from those that are imported."""
    return {name: sys.modules.pop(name) for name in list(sys.modules) if name == "caffe" or name.startswith("caffe.")}


def _other_caffe() -> str | None:
    """Where a Caffe is that is not torchcaffe's, imported or to be imported; None where there is none."""
    imported = sys.modules.get("caffe")
    if imported is not None:
        return None if _is_ours(imported) else str(getattr(imported, "__file__", imported))
    spec = find_spec("caffe")
    if spec is None or str(spec.origin).startswith(str(FOLDER)):
        return None
    return str(spec.origin or next(iter(spec.submodule_search_locations or ()), "caffe"))
