"""Every operator that is read, in every opset where its definition changed, against ONNX Runtime."""

from __future__ import annotations

import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from tests.converters.onnx.cases import CASES, ONLY_REFERENCE
from tests.converters.onnx.one_node import (
    Case,
    assert_equal,
    assert_like_onnxruntime,
    feeds_of,
    model_of,
    run_torch,
)

VERSIONS = {
    op: {
        schema.since_version
        for schema in onnx.defs.get_all_schemas_with_history()
        if schema.name == op and not schema.domain
    }
    for op in {case.op for cases in CASES.values() for case in cases.values()}
}


def opsets(case: Case) -> list[int]:
    """Those in which the operator was defined anew, and the first and last of the case."""
    changed = {version for version in VERSIONS[case.op] if version in case.opsets}
    return sorted(changed | {case.opsets[0], case.opsets[-1]})


def each(cases: dict[str, Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in cases.items()])


@each({f"{family}-{name}": case for family, cases in CASES.items() for name, case in cases.items()})
def test_like_onnxruntime(case: Case) -> None:
    for opset in opsets(case):
        assert_like_onnxruntime(case, opset)


@each(ONLY_REFERENCE)
def test_like_the_reference(case: Case) -> None:
    """Forms that ONNX Runtime does not have, against the slow evaluator of the onnx package."""
    for opset in (case.opsets[0], case.opsets[-1]):
        model, feeds = model_of(case, opset), feeds_of(case)
        assert_equal(run_torch(model, feeds), ReferenceEvaluator(model).run(None, feeds))
