"""Reductions over any axes, with and without keeping them."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from hypothesis import strategies as st
from torch.nn import functional as F

from converters import UnsupportedOpsError, convert
from tests.converters.models import Function, functions, positive
from tests.converters.ops.any_form import Form, any_form, shapes
from tests.converters.ops.contract import Contract
from tests.converters.parity import assert_parity

IMAGE = (1, 4, 5, 6)
norm = torch.linalg.vector_norm

CASES = functions(
    IMAGE,
    {
        "mean of all": lambda x, _: x.mean(),
        "mean over pixels": lambda x, _: x.mean((2, 3)),
        "mean over channels": lambda x, _: x.mean(1, keepdim=True),
        "sum of all": lambda x, _: x.sum(),
        "sum over pixels": lambda x, _: x.sum((2, 3), keepdim=True),
        "sum over rows": lambda x, _: x.sum(2),
        "amax over channels": lambda x, _: x.amax(1, keepdim=True),
        "max over pixels": lambda x, _: x.amax((2, 3)),
        "max.dim": lambda x, _: x.max(-1).values,
        "amin": lambda x, _: x.amin((1, 2)),
        "min.dim": lambda x, _: x.min(1, keepdim=True)[0],
        "var": lambda x, _: x.var(1),
        "var, biased": lambda x, _: x.var((2, 3), correction=0, keepdim=True),
        "std": lambda x, _: x.std((2, 3)),
        "std, correction": lambda x, _: x.std((1, 2, 3), correction=2),
        "var_mean": lambda x, _: torch.var_mean(x, (2, 3), correction=0),
        "var_mean.dim": lambda x, _: torch.var_mean(x, 1),
        "norm 2": lambda x, _: norm(x, dim=1),
        "norm of all": lambda x, _: norm(x),
        "norm 1": lambda x, _: norm(x, 1, dim=1, keepdim=True),
        "norm 3": lambda x, _: norm(x, 3, dim=(2, 3)),
        "norm inf": lambda x, _: norm(x, float("inf"), dim=(2, 3)),
        "norm -inf": lambda x, _: norm(x, -float("inf"), dim=1),
        "normalize": lambda x, _: F.normalize(x, dim=1),
        "normalize rows": lambda x, _: F.normalize(x.flatten(1), dim=1),
        "cosine similarity": lambda x, _: F.cosine_similarity(x, x * x, dim=1),
        "cosine similarity of rows": lambda x, _: F.cosine_similarity(x.flatten(1), positive(x).flatten(1)),
        "pairwise distance": lambda x, _: F.pairwise_distance(x, x * x),
        "logsumexp": lambda x, _: (50 * x).logsumexp(1),
        "logsumexp over pixels": lambda x, _: x.logsumexp((2, 3), keepdim=True),
        "prod": lambda x, _: x.prod(1),
        "prod, kept": lambda x, _: x.prod(2, keepdim=True),
        "argmax": lambda x, _: x.argmax(1),
        "argmin, kept": lambda x, _: x.argmin(-1, keepdim=True),
    },
)

contract = Contract("reduction", CASES, ("argmax", "argmin, kept"))
test_values, test_gradients = contract.test_values(), contract.test_gradients()
test_real_caffe, test_coverage = contract.test_real_caffe(), contract.test_coverage()

AXES = [axes for count in (1, 2, 3) for axes in combinations((1, 2, 3), count)]


@pytest.mark.parametrize("reduce", [torch.mean, torch.sum, torch.amax])
def test_any_axes_of_maps(reduce) -> None:
    model = Function(lambda x, _: [reduce(x, axes, keepdim=keep) for axes in AXES for keep in (False, True)])
    assert_parity(model, convert(model, (1, 3, 4, 2)))


@pytest.mark.parametrize("shape", [(2, 5), (2, 3, 4), (2, 3, 2, 4, 2)])
def test_other_numbers_of_axes(shape: tuple[int, ...]) -> None:
    axes = range(1, len(shape))
    model = Function(lambda x, _: [reduce(x, axis) for reduce in (torch.mean, torch.sum, torch.amax) for axis in axes])
    assert_parity(model, convert(model, shape))


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda x, _: x.mean(0), "the first is the batch"),
        (lambda x, _: x.amax(), "the first is the batch"),
        (lambda x, _: x.argmax(), "over all axes"),
        (lambda x, _: x.prod(0), "over the batch"),
        (lambda x, _: norm(x, 0, dim=1), "order 0"),
        (lambda x, _: x.flatten(1).prod(1), "120 factors; at most 64"),
        (lambda x, _: x.max(1)[1] * 2, "a second result of aten.max.dim"),
    ],
)
def test_what_cannot_be(function, reason: str) -> None:
    with pytest.raises(UnsupportedOpsError, match=reason):
        convert(Function(function), IMAGE)


REDUCTIONS = {
    "mean": torch.mean,
    "sum": torch.sum,
    "amax": torch.amax,
    "amin": torch.amin,
    "logsumexp": torch.logsumexp,
    "norm 1": lambda x, axes, keepdim: norm(x, 1, axes, keepdim),
    "norm 2": lambda x, axes, keepdim: norm(x + 3, 2, axes, keepdim),
    "variance": lambda x, axes, keepdim: x.var(axes, correction=0, keepdim=keepdim) + x.mean(axes, keepdim=keepdim),
    "deviation": lambda x, axes, keepdim: (x + x.abs()).std(axes, keepdim=keepdim),
}


@st.composite
def reductions(draw: st.DrawFn) -> Form:
    shape = draw(shapes(extents=(2, 4)))
    axes = tuple(draw(st.sets(st.integers(1, len(shape) - 1), min_size=1)))
    name, keep = draw(st.sampled_from(sorted(REDUCTIONS))), draw(st.booleans())
    return Form(f"{name} over {axes}, kept {keep}", lambda x: REDUCTIONS[name](x, axes, keepdim=keep) * 1.5, shape)


test_any_form = any_form(reductions())
