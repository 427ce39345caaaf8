"""Softmax and its logarithm, however far apart the scores."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from tests.converters.models import functions
from tests.converters.ops.any_form import any_form, form_of, shapes
from tests.converters.ops.contract import Contract

CASES = functions(
    (1, 4, 5, 6),
    {
        "softmax": lambda x, _: torch.softmax(x, 1),
        "softmax over the last axis": lambda x, _: torch.softmax(x, -1),
        "softmin": lambda x, _: F.softmin(x, 1),
        "log softmax": lambda x, _: torch.log_softmax(x, 1),
        "log softmax over the last axis": lambda x, _: torch.log_softmax(x, -1),
        "log softmax of rows": lambda x, _: torch.log_softmax(x.mean((2, 3)), 1),
        "log softmax of far scores": lambda x, _: torch.log_softmax(200 * x, 1),
    },
)

contract = Contract("softmax", CASES)
test_values, test_gradients = contract.test_values(), contract.test_gradients()
test_real_caffe, test_coverage = contract.test_real_caffe(), contract.test_coverage()


ANY = {
    "softmax": lambda x, a, b: torch.softmax(2 * a * x, 1),
    "softmax of the last axis": lambda x, a, b: torch.softmax(2 * a * x, -1),
    "log softmax": lambda x, a, b: torch.log_softmax(50 * a * x, 1),
    "log softmax of the last axis": lambda x, a, b: torch.log_softmax(50 * a * x, -1),
    "softmin": lambda x, a, b: F.softmin(a * x, 1),
}

test_any_form = any_form(form_of(shapes(extents=(2, 5)), ANY))
