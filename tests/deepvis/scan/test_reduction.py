"""Reductions of maps against NumPy in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from deepvis.scan import reduction
from deepvis.scan.reduction import Moments, mean_maps, reduce_maps
from deepvis.scan.totals import Totals


@pytest.mark.parametrize("shape", [(4, 3, 5, 7), (4, 3), (2, 6, 11), (1, 1, 1, 1), (3, 2, 2, 3, 4)])
@pytest.mark.parametrize("piece", [1, 40, 1 << 18])
def test_reduction_equals_numpy(shape: tuple[int, ...], piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(reduction.PIECE, "cpu", piece)
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    values[values < -0.5] = 0
    flat = values.reshape(*shape[:2], -1).astype(np.float64)
    reduced = reduce_maps(torch.from_numpy(values))
    np.testing.assert_array_equal(reduced.max, flat.max(2))
    np.testing.assert_array_equal(reduced.min, flat.min(2))
    np.testing.assert_allclose(reduced.sum, flat.sum(2), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(reduced.squares, (flat**2).sum(2), rtol=1e-13)
    np.testing.assert_array_equal(reduced.zeros, (flat == 0).sum(2))
    assert reduced.sum.dtype == torch.float64


def test_maps_in_any_memory_order() -> None:
    maps = torch.randn(2, 3, 4, 5)
    other = maps.to(memory_format=torch.channels_last)
    torch.testing.assert_close(reduce_maps(other).sum, reduce_maps(maps).sum, rtol=0, atol=0)


def test_large_maps_in_any_memory_order() -> None:
    maps = torch.randn(5, 3, 40, 50).relu_()
    last, other = maps.to(memory_format=torch.channels_last), maps.transpose(2, 3).contiguous().transpose(2, 3)
    expected = reduce_maps(maps)
    for found in (reduce_maps(last), reduce_maps(other)):
        for field in ("max", "min", "zeros"):
            assert torch.equal(getattr(found, field), getattr(expected, field))
        for field in ("sum", "squares"):
            torch.testing.assert_close(getattr(found, field), getattr(expected, field), rtol=1e-14, atol=0)


@pytest.mark.parametrize("shape", [(3, 4, 1, 1), (3, 1, 5, 5), (1, 4, 3, 3), (2, 4, 1, 7)])
def test_maps_with_their_channels_last_are_numpys(shape: tuple[int, ...]) -> None:
    maps = torch.randn(shape).relu_().to(memory_format=torch.channels_last)
    flat = maps.numpy().reshape(*shape[:2], -1).astype(np.float64)
    found = reduce_maps(maps)
    np.testing.assert_array_equal(found.max, flat.max(2))
    np.testing.assert_allclose(found.sum, flat.sum(2), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(found.squares, (flat**2).sum(2), rtol=1e-13)
    np.testing.assert_array_equal(found.zeros, (flat == 0).sum(2))


def test_images_with_channels_last_have_the_same_sums_alone_and_in_company() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        for units in (1, 2, 3, 40):
            maps = torch.exp(10 * torch.randn(3, units, 200, 201)).to(memory_format=torch.channels_last)
            alone = torch.cat([reduce_maps(own).sum for own in maps.split(1)])
            assert torch.equal(reduce_maps(maps).sum, alone), units
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("reduce", [lambda maps: reduce_maps(maps).sum, mean_maps])
def test_a_map_has_the_same_sum_alone_and_in_company(reduce: Callable[[torch.Tensor], torch.Tensor]) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(4)  # they share the sum of a single map
    try:
        for positions in range(40_000, 40_040):
            maps = torch.exp(10 * torch.randn(3, 1, positions))  # float64 rounds their sum
            together = reduce(maps)
            alone = torch.cat([reduce(own) for own in maps.split(1)])
            assert torch.equal(together, alone), positions
    finally:
        torch.set_num_threads(before)


def test_nan_shows_in_the_maximum() -> None:
    maps = torch.zeros(1, 2, 3)
    maps[0, 1, 1] = torch.nan
    assert reduce_maps(maps).max.isnan().tolist() == [[False, True]]


def test_sums_are_those_of_float64() -> None:
    maps = torch.full((1, 1, 3), 1.0)
    maps[0, 0] = torch.tensor([2.0**30, 1.0, -(2.0**30)])
    assert reduce_maps(maps).sum.item() == 1.0  # float32 gives 0


def test_moments_do_not_depend_on_batches() -> None:
    maps = torch.from_numpy(np.random.default_rng(0).normal(3, 1, (12, 4, 3, 3)).astype(np.float32))
    results = []
    for size in (1, 5, 12):
        totals = Totals.nothing(4, 1)
        moments = Moments(totals, torch.device("cpu"))
        for part in maps.split(size):
            moments.update([reduce_maps(part[:, :1]), reduce_maps(part[:, 1:])])
        moments.sums.carry()
        moments.squares.carry()
        totals.sums, totals.squares = moments.sums.limbs.numpy(), moments.squares.limbs.numpy()
        totals.zeros, totals.min, totals.max = moments.zeros.numpy(), moments.min.numpy(), moments.max.numpy()
        results.append(totals.statistics(np.full(4, 12 * 9)))
    everything = maps.double().transpose(0, 1).flatten(1).numpy()
    for name, array in results[0].items():
        assert all((array == other[name]).all() for other in results[1:]), name
    np.testing.assert_allclose(results[0]["mean"], everything.mean(1), rtol=1e-14)
    np.testing.assert_allclose(results[0]["std"], everything.std(1), rtol=1e-13)
    np.testing.assert_array_equal(results[0]["min"], everything.min(1))
    np.testing.assert_array_equal(results[0]["max"], everything.max(1))
