"""What changes no value."""

from __future__ import annotations

import torch

from tests.converters.models import functions
from tests.converters.ops.any_form import any_form, form_of, shapes
from tests.converters.ops.contract import Contract

CASES = functions(
    (2, 4, 3, 3),
    {
        "alias": lambda x, _: torch.ops.aten.alias.default(x) + 1,
        "cast to double and back": lambda x, _: (x * 2).double().float() + 1,
        "cast of a truth value": lambda x, _: (x > 0).float() * x + x,
        "clone": lambda x, _: x.clone() + 1,
        "detach": lambda x, _: x.detach() + x,
        "type of another": lambda x, _: (x > 0).type_as(x) * x + x,
    },
)

# Caffe's gradient takes no notice of detach; Threshold has none.
contract = Contract("identity", CASES, ("detach", "cast of a truth value", "type of another"))
test_values, test_gradients = contract.test_values(), contract.test_gradients()
test_real_caffe, test_coverage = contract.test_real_caffe(), contract.test_coverage()


ANY = {
    "clone": lambda x, a, b: (x * a).clone() + b,
    "cast": lambda x, a, b: (x * a).float() + b,
    "type": lambda x, a, b: (x * a).to(torch.float32).contiguous() + b,
    "type of another": lambda x, a, b: (x * a).type_as(x) + b,
}

test_any_form = any_form(form_of(shapes(), ANY))
