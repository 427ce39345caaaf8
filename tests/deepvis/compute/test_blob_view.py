"""Statistics, histogram and planes of any array, against numpy on the whole of it."""

import numpy as np
import pytest

import deepvis.compute.blob_view as looking
from deepvis.compute.blob_view import clamped, drawn_steps, histogram, plane_axes, plane_of, statistics


@pytest.fixture
def dirty():
    array = np.random.default_rng(0).normal(size=(3, 5, 7, 11)).astype(np.float32)
    array[0, 0, 0, :4] = np.nan, np.inf, -np.inf, 0
    array[2, 4] = 0
    return array


@pytest.mark.parametrize("block", [7, 1 << 22])
def test_statistics(dirty, monkeypatch, block):
    monkeypatch.setattr(looking, "_BLOCK", block)
    found, finite = statistics(dirty), dirty[np.isfinite(dirty)]
    assert (found.count, found.nans, found.infinite) == (3 * 5 * 7 * 11, 1, 2)
    assert found.zeros == 1 + 77
    assert (found.low, found.high) == (finite.min(), finite.max())
    assert found.mean == pytest.approx(finite.mean(dtype=np.float64), rel=1e-12)
    counts, low, high = histogram(dirty, found, 50)
    expected, edges = np.histogram(finite, 50)
    np.testing.assert_array_equal(counts, expected)
    assert (low, high) == (edges[0], edges[-1])
    assert "NaN 1 · ±inf 2" in found.words


@pytest.mark.parametrize(
    "array", [np.full((2, 2), np.nan, np.float32), np.zeros(0, np.float32), np.full(3, 2, np.float32)]
)
def test_without_a_range(array):
    found = statistics(array)
    counts, low, high = histogram(array, found, 4)
    assert high - low == 1
    assert counts.sum() == np.isfinite(array).sum()


@pytest.mark.parametrize(
    ("rank", "wish", "axes"),
    [(4, (), (2, 3)), (4, (1, 0), (1, 0)), (4, (1, 1), (2, 3)), (4, (1, 4), (2, 3)), (1, (0, 1), (0,)), (0, (), ())],
)
def test_axes(rank, wish, axes):
    assert plane_axes(rank, wish) == axes


def test_planes_are_those_of_a_loop(dirty):
    for rows in range(4):
        for columns in range(4):
            if rows == columns:
                continue
            plane = plane_of(dirty, (rows, columns), (2, 1, 3, 4))
            for r in range(dirty.shape[rows]):
                for c in range(dirty.shape[columns]):
                    place = [2, 1, 3, 4]
                    place[rows], place[columns] = r, c
                    np.testing.assert_equal(plane[r, c], dirty[tuple(place)])


def test_vectors_and_numbers_are_rows():
    np.testing.assert_array_equal(plane_of(np.arange(5.0), (0,), (3,)), [[0, 1, 2, 3, 4]])
    np.testing.assert_array_equal(plane_of(np.array(7.0), (), ()), [[7]])


def test_indices_are_brought_into_the_shape():
    assert clamped((9, -1), (3, 4, 5)) == (2, 0, 0)
    assert clamped((1, 2, 3, 4), (3, 4)) == (1, 2)


def test_large_planes_are_thinned():
    assert drawn_steps(np.empty((4096, 2048))) == (2, 1)
    assert drawn_steps(np.empty((1, 2049))) == (1, 2)
