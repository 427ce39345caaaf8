"""Update rules, policies and gradients beside plain loops in float64, written from Caffe's sources."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prototxt.common.errors import NetError
from prototxt.formats.schema import SolverParameter
from torchcaffe import gradients
from torchcaffe.policies import POLICIES, check_policy, current_step, learning_rate
from torchcaffe.solvers import RULES

SETTINGS = SolverParameter(momentum=0.75, momentum2=0.5, rms_decay=0.875, delta=1e-3)  # exact in float32 but delta


def naive_sgd(g, h, rate, s, t):
    h[0] = s.momentum * h[0] + rate * g
    return h[0]


def naive_nesterov(g, h, rate, s, t):
    before = h[0]
    h[0] = s.momentum * h[0] + rate * g
    return (1 + s.momentum) * h[0] - s.momentum * before


def naive_adagrad(g, h, rate, s, t):
    h[0] = h[0] + g * g
    return rate * g / (math.sqrt(h[0]) + s.delta)


def naive_rmsprop(g, h, rate, s, t):
    h[0] = s.rms_decay * h[0] + (1 - s.rms_decay) * g * g
    return rate * g / (math.sqrt(h[0]) + s.delta)


def naive_adadelta(g, h, rate, s, t):
    h[0] = s.momentum * h[0] + (1 - s.momentum) * g * g
    update = g * math.sqrt((h[1] + s.delta) / (h[0] + s.delta))
    h[1] = s.momentum * h[1] + (1 - s.momentum) * update * update
    return rate * update


def naive_adam(g, h, rate, s, t):
    h[0] = s.momentum * h[0] + (1 - s.momentum) * g
    h[1] = s.momentum2 * h[1] + (1 - s.momentum2) * g * g
    correction = math.sqrt(1 - s.momentum2 ** (t + 1)) / (1 - s.momentum ** (t + 1))
    return rate * correction * h[0] / (math.sqrt(h[1]) + s.delta)


NAIVE = {
    "SGD": naive_sgd,
    "Nesterov": naive_nesterov,
    "AdaGrad": naive_adagrad,
    "RMSProp": naive_rmsprop,
    "AdaDelta": naive_adadelta,
    "Adam": naive_adam,
}


def test_every_rule_has_a_twin():
    assert RULES.keys() == NAIVE.keys()


@pytest.mark.parametrize("solver_type", NAIVE)
@pytest.mark.parametrize("seed", range(3))
def test_rule_agrees_with_its_twin_over_iterations(solver_type, seed):
    random = np.random.default_rng(seed)
    rule, naive = RULES[solver_type], NAIVE[solver_type]
    history = [torch.zeros(3, 2, dtype=torch.float64) for _ in range(rule.histories)]
    twins = [[0.0] * rule.histories for _ in range(6)]
    for iteration in range(5):
        gradient = torch.from_numpy(random.normal(size=(3, 2)))
        rate = float(random.uniform(0.01, 0.5))
        update = rule.update(gradient.clone(), history, rate, SETTINGS, iteration)
        expected = [
            naive(g, h, rate, SETTINGS, iteration) for g, h in zip(gradient.flatten().tolist(), twins, strict=True)
        ]
        np.testing.assert_allclose(update.flatten().numpy(), expected, rtol=1e-12)
    for index, tensor in enumerate(history):
        np.testing.assert_allclose(tensor.flatten().numpy(), [twin[index] for twin in twins], rtol=1e-12)


@pytest.mark.parametrize("solver_type", NAIVE)
def test_a_rate_of_every_row_is_each_row_at_its_own_rate(solver_type):
    rule = RULES[solver_type]
    rates = torch.tensor([[0.0], [0.05], [0.1]])
    gradients_ = [torch.randn(3, 4) for _ in range(4)]

    def updates(rate, rows):
        history = [torch.zeros(len(range(3)[rows]), 4) for _ in range(rule.histories)]
        return [rule.update(g[rows].clone(), history, rate, SETTINGS, i).clone() for i, g in enumerate(gradients_)]

    together = updates(rates, slice(None))
    for row in range(3):
        alone = updates(float(rates[row]), slice(row, row + 1))
        for whole, part in zip(together, alone, strict=True):
            torch.testing.assert_close(whole[row : row + 1], part)
    assert all((update[0] == 0).all() for update in together)


def test_unknown_solver_type_lists_those_that_exist():
    expected = r"solver: unknown solver type 'Adamm' \(did you mean 'Adam'\?\); use one of AdaDelta, AdaGrad, Adam"
    with pytest.raises(NetError, match=expected):
        RULES.find("Adamm", "solver")


RATES = {
    "fixed": ("", [0.5] * 6),
    "step": ("gamma: 0.5 stepsize: 2", [0.5, 0.5, 0.25, 0.25, 0.125, 0.125]),
    "exp": ("gamma: 0.5", [0.5 * 0.5**i for i in range(6)]),
    "inv": ("gamma: 0.5 power: 2", [0.5 / (1 + 0.5 * i) ** 2 for i in range(6)]),
    "multistep": ("gamma: 0.5 stepvalue: 1 stepvalue: 1 stepvalue: 4", [0.5, 0.25, 0.125, 0.125, 0.0625, 0.0625]),
    "poly": ("power: 2 max_iter: 4", [0.5, 0.28125, 0.125, 0.03125, 0, 0]),
    "sigmoid": ("gamma: 1 stepsize: 2", [0.5 / (1 + math.exp(2 - i)) for i in range(6)]),
}


def _solver(text: str) -> SolverParameter:
    from google.protobuf import text_format

    from prototxt.formats.schema import POOL

    return text_format.Parse(text, SolverParameter(), descriptor_pool=POOL)


@pytest.mark.parametrize("policy", POLICIES)
def test_policy(policy):
    fields, expected = RATES[policy]
    solver = _solver(f'base_lr: 0.5 lr_policy: "{policy}" {fields}')
    check_policy(solver)
    step, rates = 0, []
    for iteration in range(6):
        step = current_step(solver, iteration, step)
        rates.append(learning_rate(solver, iteration, step))
    np.testing.assert_allclose(rates, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "lr_policy is missing; use one of fixed, step"),
        ('lr_policy: "linear"', "unknown lr_policy 'linear'; use one of"),
        ('lr_policy: "step" gamma: 0.1', "'step' needs stepsize > 0; got 0"),
        ('lr_policy: "exp" gamma: -1', "'exp' needs gamma ≥ 0; got -1"),
        ('lr_policy: "poly"', "'poly' needs max_iter > 0"),
    ],
)
def test_policies_that_caffe_would_abort_on(text, sentence):
    with pytest.raises(NetError, match=sentence):
        check_policy(_solver(text), "solver.prototxt")


@settings(max_examples=50)
@given(st.lists(st.lists(st.floats(-10, 10), min_size=1, max_size=5), min_size=1, max_size=4), st.floats(0.1, 20))
def test_clipping_scales_all_gradients_to_the_common_norm(rows, limit):
    tensors = [torch.tensor(row, dtype=torch.float64) for row in rows]
    before = np.concatenate([np.array(row) for row in rows])
    norm = math.sqrt((before**2).sum())
    clipped = gradients.clip(tensors, limit)
    after = np.concatenate([tensor.numpy() for tensor in tensors])
    if norm <= limit:
        assert clipped is None
        np.testing.assert_array_equal(after, before)
    else:
        assert clipped == pytest.approx((norm, limit / norm))
        np.testing.assert_allclose(after, before * limit / norm, atol=1e-12)


def test_a_negative_limit_clips_nothing():
    assert gradients.clip([torch.full((3,), 1e9)], -1) is None


@pytest.mark.parametrize(("kind", "expected"), [("L2", [1 + 0.5 * 2, -0.5 * 4]), ("L1", [1.5, -0.5])])
def test_regularisation(kind, expected):
    gradient, parameter = torch.tensor([1.0, 0.0]), torch.tensor([2.0, -4.0])
    gradients.REGULARISERS[kind](gradient, parameter, 0.5)
    assert gradient.tolist() == expected
