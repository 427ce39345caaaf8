"""No two files need each other: not at the top of a file, not inside a function, not for types alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("prototxt", "torchcaffe", "converters", "entropy", "deepvis", "finetune")

Imports = dict[str, set[str]]


def imports_of(folder: Path, packages: tuple[str, ...]) -> Imports:
    """For every module of the packages in a folder, the modules of the packages that its file imports.

    The stub beside an ``__init__.py``, from which the package's names are imported when they are first used, counts as
    that file. Files that `prototxt.common.registry.import_all` finds by their place are named nowhere, and left out.
    """
    found_files = (file for package in packages for file in sorted((folder / package).rglob("*")))
    files = [file for file in found_files if file.suffix in (".py", ".pyi")]
    modules = {_module(file.relative_to(folder)) for file in files}
    found: Imports = {module: set() for module in modules}
    for file in files:
        module = _module(file.relative_to(folder))
        package = module if file.stem == "__init__" else module.rpartition(".")[0]
        names = {_longest(name, modules) for name in _names(ast.parse(file.read_text(encoding="utf-8")), package)}
        found[module] |= names - {"", module}
    return found


def circle_in(imports: Mapping[str, set[str]]) -> list[str]:
    """One circle, its first module at both ends; empty where there is none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return error.args[1][::-1]  # from who imports to who is imported
    return []


def _module(file: Path) -> str:
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _names(tree: ast.AST, package: str) -> Iterator[str]:
    """Every imported name with dots; relative ones from ``package``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{name.name}" for name in node.names)


def _longest(name: str, modules: set[str]) -> str:
    """The module that a name is, or is in: ``a.b`` for ``a.b`` itself and for its function ``a.b.f``."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name


def test_no_files_import_each_other() -> None:
    imports = imports_of(ROOT, PACKAGES)
    assert len(imports) > 400
    circle = circle_in(imports)
    assert not circle, f"circle of imports: {' -> '.join(circle)}"


@pytest.mark.parametrize(
    ("a", "circle"),
    [
        ("import p.b", True),
        ("from p.b import thing", True),
        ("from p import b", True),
        ("def f():\n    from p.b import thing", True),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p.b import thing", True),
        ("from p import thing", True),
        ("import q", False),
        ("import json", False),
    ],
)
def test_every_kind_of_import_counts(tmp_path: Path, a: str, circle: bool) -> None:
    for package, stub in (("p", "from .b import thing as thing"), ("q", "")):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
        (tmp_path / package / "__init__.pyi").write_text(stub)
    (tmp_path / "p" / "a.py").write_text(a)
    (tmp_path / "p" / "b.py").write_text("from p.c import other")
    (tmp_path / "p" / "c.py").write_text("def g():\n    import p.a")
    imports = imports_of(tmp_path, ("p", "q"))
    found = circle_in(imports)
    assert set(found) in ({"p.a", "p.b", "p.c"}, {"p", "p.a", "p.b", "p.c"}) if circle else not found
    assert all(second in imports[first] for first, second in pairwise(found))
