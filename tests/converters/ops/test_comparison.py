"""Comparisons and choices."""

from __future__ import annotations

import pytest
import torch

from converters import UnsupportedOpsError, convert
from tests.converters.models import Function, functions
from tests.converters.ops.any_form import any_form, form_of, shapes
from tests.converters.ops.contract import Contract

IMAGE = (1, 4, 5, 6)

CASES = functions(
    IMAGE,
    {
        "gt": lambda x, _: (x > 0.1).float() * x,
        "gt of two": lambda x, net: (x > net.plane).float(),
        "lt": lambda x, _: (x < 0.1).float(),
        "lt of two": lambda x, _: (x < -x).float(),
        "ge": lambda x, _: (x >= 0.1).float(),
        "ge of two": lambda x, _: (x.clamp(0, 1) >= x).float(),
        "le": lambda x, _: (x.clamp(0, 1) <= 0).float(),
        "le of two": lambda x, net: (x <= net.constant).float(),
        "eq": lambda x, _: (x.clamp(0, 1) == 1).float(),
        "eq of two": lambda x, _: (x.clamp(0, 1) == x).float(),
        "ne": lambda x, _: (x.clamp(0, 1) != 1).float(),
        "ne of two": lambda x, _: (x.clamp(0, 1) != x).float(),
        "not": lambda x, _: (~(x > 0)).float(),
        "logical not": lambda x, _: torch.logical_not(x > 0).float(),
        "and": lambda x, _: ((x > 0) & (x < 0.5)).float(),
        "logical and": lambda x, _: torch.logical_and(x > 0, x < 0.5).float(),
        "bitwise and": lambda x, _: torch.bitwise_and(x > 0, x < 0.5).float(),
        "or": lambda x, _: ((x > 0.5) | (x < 0)).float(),
        "logical or": lambda x, _: torch.logical_or(x > 0.5, x < 0).float(),
        "bitwise or": lambda x, _: torch.bitwise_or(x > 0.5, x < 0).float(),
        "sign": lambda x, _: x.clamp(min=-0.5).add(0.5).sign(),
        "where": lambda x, _: torch.where(x > 0.2, x, -x),
        "where, number first": lambda x, _: torch.where(x > 0.2, 0.5, x),
        "where, number last": lambda x, net: torch.where(x <= net.constant, x, 0.5),
        "where, numbers": lambda x, _: torch.where(x > 0, 2.0, -1.0),
        "masked fill": lambda x, _: x.masked_fill(x < 0, 0.5),
        "masked fill with 0": lambda x, _: x.masked_fill(x < 0, 0.0),
    },
)

contract = Contract("comparison", CASES, CASES)  # Threshold has no backward pass in Caffe
test_values, test_real_caffe, test_coverage = (
    contract.test_values(),
    contract.test_real_caffe(),
    contract.test_coverage(),
)


def test_no_gradient_is_asked_of_a_threshold() -> None:
    (above,) = (layer for layer in convert(CASES["gt"][0], IMAGE).net.layer if layer.type == "Threshold")
    assert list(above.propagate_down) == [False]


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda x, _: x.masked_fill(x < 0, -float("inf")), "infinite"),
        (lambda x, _: torch.logical_not(x).float(), "only of truth values"),
    ],
)
def test_what_cannot_be(function, reason: str) -> None:
    with pytest.raises(UnsupportedOpsError, match=reason):
        convert(Function(function), IMAGE)


ANY = {
    "where": lambda x, a, b: torch.where(x > a - b, x * a, -x * b),
    "where, number first": lambda x, a, b: torch.where(x * 1 < a - b, a, x * b),
    "where, number last": lambda x, a, b: torch.where(x * 1 >= b - a, x * a, b),
    "masked fill": lambda x, a, b: (x * b).masked_fill(x <= a - b, a),
    "and": lambda x, a, b: ((x > -a) & (x < b)).float() * x,
    "or": lambda x, a, b: ((x > a) | (x < -b)).float() * x,
    "not": lambda x, a, b: (~(x > a - b)).float() * x * b,
    "sign": lambda x, a, b: (x - a + b).sign() * x,
}

test_any_form = any_form(form_of(shapes(), ANY))
