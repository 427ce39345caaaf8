"""The table of what every operator becomes in PyTorch says what torch.export gives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import pytest
from torch import fx, nn

from converters.capture import capture, is_getitem
from converters.errors import ConversionError
from converters.onnx.registry import operations
from converters.registry import short_name
from tests.converters.onnx.cases import CASES
from tests.converters.onnx.one_node import Case, built, feeds_of, model_of

PLUMBING = {"clone", "alias", "detach", "assert_tensor_metadata", "lift_fresh_copy", "to", "to_copy"}


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_the_table_names_what_is_captured() -> None:
    found: dict[str, set[str]] = defaultdict(set)
    for cases in CASES.values():
        for case in cases.values():
            found[case.op] |= captured(case)
    table = operations()
    missing = {op: sorted(names - set(table[op]) - PLUMBING) for op, names in found.items()}
    assert {op: names for op, names in missing.items() if names} == {}


def captured(case: Case) -> set[str]:
    """Names of the ATen operations that depend on the input; none for what only shapes and constants decide."""
    model, feeds = model_of(case, case.opsets[-1]), feeds_of(case)
    return names(built(model, feeds).module, {name: array.shape for name, array in feeds.items()}) if feeds else set()


def names(module: nn.Module, shapes: Mapping[str, tuple[int, ...]]) -> set[str]:
    try:
        graph = capture(module, shapes)
    except ConversionError:  # a value without a batch, as of a shape
        return set()
    dynamic: set[fx.Node] = set()
    inputs = {each.node for each in graph.inputs}
    for node in graph.graph.graph.nodes:
        if node.name in inputs or dynamic.intersection(node.all_input_nodes):
            dynamic.add(node)
    called = [node for node in dynamic if node.op == "call_function" and not is_getitem(node)]
    return {short_name(str(node.target)).replace("unsafe_view", "view") for node in called}
