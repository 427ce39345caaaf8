"""Layers with random numbers, of which there is no golden: Dropout in TRAIN, stochastic pooling."""

from __future__ import annotations

import pytest
import torch

from prototxt.formats.schema import LayerParameter
from prototxt.formats.text import parse_message
from torchcaffe.layers.dropout import Dropout
from torchcaffe.layers.pooling import Pooling


def made(layer_class, text: str, shape: tuple[int, ...], phase: str = "TRAIN", seed: int = 0):
    return layer_class.from_param(parse_message(f'name: "l" top: "y" {text}', LayerParameter), [shape], phase, seed)


def test_dropout_keeps_the_expectation_and_its_share():
    x = torch.ones(200, 300)
    (top,) = made(Dropout, 'type: "Dropout" dropout_param { dropout_ratio: 0.3 }', x.shape)(x)
    assert sorted(set(top.flatten().tolist())) == pytest.approx([0, 1 / 0.7])
    assert (top == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)


def test_dropout_has_the_gradient_of_its_mask_and_a_new_mask_every_time():
    x = torch.ones(50, 50, requires_grad=True)
    layer = made(Dropout, 'type: "Dropout"', x.shape)
    (first,), (second,) = layer(x), layer(x)
    (gradient,) = torch.autograd.grad(first.sum(), x)
    assert torch.equal(gradient, first.detach())
    assert not torch.equal(first, second)


def test_dropout_repeats_with_its_seed():
    x = torch.ones(50, 50)
    tops = [made(Dropout, 'type: "Dropout"', x.shape, seed=seed)(x)[0] for seed in (1, 1, 2)]
    assert torch.equal(tops[0], tops[1])
    assert not torch.equal(tops[0], tops[2])


STOCHASTIC = 'type: "Pooling" pooling_param { pool: STOCHASTIC kernel_size: 2 stride: 2 }'


def test_stochastic_pooling_draws_in_proportion():
    x = torch.tensor([[1.0, 2.0], [0.0, 5.0]]).repeat(100, 100)[None, None].requires_grad_()
    (top,) = made(Pooling, STOCHASTIC, x.shape)(x)
    for value in (1, 2, 5):
        assert (top == value).float().mean().item() == pytest.approx(value / 8, abs=0.02)
    (gradient,) = torch.autograd.grad(top.sum(), x)
    assert torch.equal((gradient * x).sum(), top.sum())


def test_stochastic_pooling_in_test_is_the_expectation_also_at_the_border():
    x = torch.tensor([[1.0, 2.0, 3.0], [0.0, 5.0, 1.0], [0.0, 0.0, 0.0]])[None, None]
    (top,) = made(Pooling, STOCHASTIC, x.shape, "TEST")(x)
    expected = torch.tensor([[30 / 8, 10 / 4], [0.0, 0.0]])
    torch.testing.assert_close(top[0, 0], expected)
