"""Dropout: nothing when the net is used, alive when it is trained."""

from __future__ import annotations

import pytest
from torch import nn
from torch.nn import functional as F

from converters import convert
from tests.converters.models import functions
from tests.converters.ops.any_form import any_form, form_of, shapes
from tests.converters.ops.contract import Contract

CASES = functions(
    (2, 4, 3, 3),
    {
        "dropout": lambda x, net: F.dropout(x, 0.3, net.training) + 1,
        "dropout 0": lambda x, net: F.dropout(x, 0.0, net.training) + 1,
    },
)

contract = Contract("dropout", CASES)
test_values, test_gradients = contract.test_values(), contract.test_gradients()
test_real_caffe, test_coverage = contract.test_real_caffe(), contract.test_coverage()


def test_dropout_survives_with_its_ratio() -> None:
    conversion = convert(nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Dropout(0.3)), (2, 6), softmax=False)
    assert [layer.type for layer in conversion.net.layer] == ["Input", "InnerProduct", "ReLU", "Dropout"]
    assert conversion.net.layer[3].dropout_param.dropout_ratio == pytest.approx(0.3)


test_any_form = any_form(form_of(shapes(), {"dropout": lambda x, a, b: F.dropout(x * a, b / 2.5, training=False) * 2}))
