"""The table of what every operator becomes in PyTorch says what torch.export gives."""

from __future__ import annotations

from collections import defaultdict

import pytest

from converters.capture import capture
from converters.errors import ConversionError
from converters.onnx.registry import operations
from tests.converters.onnx.cases import CASES
from tests.converters.onnx.one_node import built, feeds_of, model_of

PLUMBING = {"clone", "alias", "detach", "_assert_tensor_metadata", "getitem", "lift_fresh_copy", "to", "_to_copy"}


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_table_names_what_is_captured() -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for cases in CASES.values():
        for case in cases.values():
            model, feeds = model_of(case, case.opsets[-1]), feeds_of(case)
            if feeds:
                found[case.op] |= captured(
                    built(model, feeds).module, {name: array.shape for name, array in feeds.items()}
                )
    table = operations()
    undocumented = {op: sorted(names - set(table[op]) - PLUMBING) for op, names in found.items()}
    assert {op: names for op, names in undocumented.items() if names} == {}


def captured(module, shapes) -> set[str]:
    """Names of the ATen operations of a module; none where its input is no picture."""
    try:
        graph = capture(module, shapes).graph.graph
    except ConversionError:
        return set()
    targets = [str(node.target) for node in graph.nodes if node.op == "call_function"]
    return {target.split(".")[1] if "." in target else "getitem" for target in targets}
