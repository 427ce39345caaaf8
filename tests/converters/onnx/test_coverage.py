"""No operator of ONNX is forgotten: it is read, or refused with a reason, and what is read has a test."""

from __future__ import annotations

import onnx

from converters.onnx.graph import OWN
from converters.onnx.read import OPSETS
from converters.onnx.refused import REFUSED
from converters.onnx.registry import TRANSLATORS, operations
from tests.converters.onnx.cases import CASES
from tests.converters.onnx.test_fusions import TOGETHER


def operators() -> set[str]:
    """Every operator of ONNX in some opset that is read."""
    return {
        schema.name
        for schema in onnx.defs.get_all_schemas_with_history()
        if not schema.domain and schema.since_version <= OPSETS[-1]
    }


READ = set(operations())


def test_every_operator_is_read_or_refused() -> None:
    assert operators() == READ | set(REFUSED)
    assert not READ & set(REFUSED)
    assert all(REFUSED.values())


def test_every_operator_that_is_read_has_a_case() -> None:
    tested = {case.op for cases in CASES.values() for case in cases.values()}
    assert tested == READ - {"Constant"}  # which exporters write for every number: test_models


def test_every_family_has_cases() -> None:
    files = {
        translator.translate.__module__.rpartition(".")[2]
        for versions in TRANSLATORS.values()
        for translator in versions.values()
    }
    assert files == {*CASES, "fused"}  # which test_fusions is of


def test_every_operator_that_is_put_together_has_a_case() -> None:
    made = {f"{OWN}::{op}" for _, ops in TOGETHER.values() for op in ops}
    assert {op for op in TRANSLATORS if op not in READ} <= made


def test_the_operations_for_the_table() -> None:
    table = operations()
    assert table["Conv"] == ("conv1d", "conv2d", "conv3d", "pad")
    assert table["Softmax"][0] == "softmax"
    assert set(table) < set(TRANSLATORS)
