"""What docs/architecture.md says of the packages: their rooms, their public names, who may import Qt."""

from __future__ import annotations

import ast
import importlib
import re
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = (REPOSITORY / "docs/architecture.md").read_text(encoding="utf-8")
CONTRACTS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
PACKAGES = ("prototxt", "torchcaffe", "converters", "entropy", "deepvis", "finetune")
WITH_ROOMS = ("prototxt", "entropy", "deepvis", "finetune")
LAZY = [
    stub.parent.relative_to(REPOSITORY).as_posix().replace("/", ".")
    for package in PACKAGES
    for stub in sorted((REPOSITORY / package).rglob("__init__.pyi"))
]


def modules_of(package: str) -> set[str]:
    """Files and folders with code right below a package."""
    inside = (REPOSITORY / package).iterdir()
    found = {path.stem for path in inside if path.suffix == ".py" or (path / "__init__.py").is_file()}
    return found - {"__init__"}


def contract(name: str) -> dict:
    (found,) = [each for each in CONTRACTS if each["name"] == name]
    return found


@pytest.mark.parametrize("package", LAZY)
def test_every_name_that_a_package_hands_on_is_there(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__all__
    for name in module.__all__:
        assert getattr(module, name) is not None
        assert name in dir(module)


def public_names() -> list[str]:
    """Dotted names in the tables of public names, as far as they are modules and what is in them."""
    tables = PAGE[PAGE.index("## Public names") :]
    return sorted(set(re.findall(rf"`((?:{'|'.join(PACKAGES)})(?:\.\w+)+)", tables)))


@pytest.mark.parametrize("name", public_names())
def test_public_names_of_the_page_are_there(name: str) -> None:
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[count:]:
            found = getattr(found, attribute)
        return
    pytest.fail(f"there is no {name}")


def test_qt_is_forbidden_to_every_module_of_deepvis_but_the_views() -> None:
    forbidden = contract("Qt only in the views")["source_modules"]
    assert {f"deepvis.{name}" for name in modules_of("deepvis") - {"views"}} <= set(forbidden)
    assert set(PACKAGES) - {"deepvis"} <= set(forbidden)


@pytest.mark.parametrize("package", WITH_ROOMS)
def test_the_page_draws_the_floors_of_the_contracts(package: str) -> None:
    drawing = re.search(rf"^{package} {{2,}}(.*?)\n\n?(?=\w|```)", PAGE, re.MULTILINE | re.DOTALL)
    assert drawing is not None
    drawn = [re.split(r"\s*\|\s*", line.strip()) for line in drawing[1].strip().splitlines()]
    floors = [re.split(r"\s*\|\s*", layer) for layer in contract(f"Floors of {package}")["layers"]]
    rooms = [[room for room in floor if (REPOSITORY / package / room).is_dir()] for floor in floors]
    assert drawn == [floor for floor in rooms if floor]


def test_the_page_says_what_every_room_is() -> None:
    for package in WITH_ROOMS:
        rooms = {name for name in modules_of(package) if (REPOSITORY / package / name).is_dir()}
        assert rooms == set(re.findall(rf"^\| `{package}/(\w+)` \|", PAGE, re.MULTILINE))


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_imports_from_the_package_that_hands_its_names_on(package: str) -> None:
    """That would be a circle through ``__init__``, which import-linter cannot see."""
    for path in (REPOSITORY / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == package and package in LAZY:
                names = [alias.name for alias in node.names]
                assert all(name in modules_of(package) for name in names), f"{path}:{node.lineno}"
