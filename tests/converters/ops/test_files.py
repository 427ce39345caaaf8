"""Every file of operations has its tests, and every operation says what it becomes."""

from __future__ import annotations

from pathlib import Path

from converters.registry import CONVERTERS, EXACTNESS

TESTS = Path(__file__).parent


def test_every_file_of_operations_has_its_tests() -> None:
    files = {converter.__module__.rpartition(".")[2] for converter in CONVERTERS.values()}
    tested = {path.stem.removeprefix("test_") for path in TESTS.glob("test_*.py")}
    assert not files - tested, files - tested


def test_every_operation_says_its_layers_and_how_exact_they_are() -> None:
    assert EXACTNESS.keys() == CONVERTERS.keys()
    for op, converter in CONVERTERS.items():
        assert converter.__doc__, op
        assert (EXACTNESS[op].status == "approximation") == bool(EXACTNESS[op].error), op
