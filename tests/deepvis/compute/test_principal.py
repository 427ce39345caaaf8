"""Principal components against the singular value decomposition in float64."""

import numpy as np
import pytest

from deepvis.compute.principal import find_components


def cloud(number, dimensions, seed=0):
    random = np.random.default_rng(seed)
    spread = np.concatenate([[9, 6, 4], np.ones(dimensions)])[:dimensions]
    mixed = random.normal(size=(number, dimensions)) * spread @ np.linalg.qr(random.normal(size=(dimensions,) * 2))[0]
    return (mixed + 2).astype(np.float32)


def weights(number, dimensions):
    """As weights are: about 0, and no direction far before the next ones, which inexact solvers do not survive."""
    spread = np.concatenate([[1.3, 1.2, 1.1], np.ones(dimensions)])[:dimensions]
    return (np.random.default_rng(1).normal(size=(number, dimensions)) * spread * 0.01).astype(np.float32)


SIZES = [(500, 3), (400, 12), (20, 64), (4, 30), (300, 1100), (4, 1100), (3, 1100), (2, 1100)]


@pytest.mark.parametrize(("number", "dimensions"), SIZES)
@pytest.mark.parametrize("make", [cloud, weights])
def test_the_same_as_the_singular_vectors_of_what_is_centred(make, number, dimensions):
    vectors = make(number, dimensions)
    exact = vectors.astype(np.float64)
    _, values, rows = np.linalg.svd(exact - exact.mean(0), full_matrices=False)
    shares = values**2 / (values**2).sum()
    rank = min(3, number - 1, dimensions)
    found = find_components(vectors)
    np.testing.assert_allclose(np.abs((found.directions[:rank] * rows[:rank]).sum(1)), 1, atol=1e-4)
    np.testing.assert_allclose(found.shares[:rank], shares[:rank], rtol=1e-4)
    np.testing.assert_allclose(found.shares[rank:], 0, atol=1e-6)


@pytest.mark.parametrize("dimensions", [5, 1100])
def test_signs_do_not_depend_on_anything(dimensions):
    vectors = cloud(120, dimensions)
    for one, other in zip(
        find_components(vectors).directions, find_components(vectors[::-1].copy()).directions, strict=True
    ):
        assert one[np.abs(one).argmax()] > 0
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_the_same_vectors_give_the_same_bits():
    vectors = weights(300, 1100)
    assert (find_components(vectors).directions == find_components(vectors).directions).all()


def test_fewer_dimensions_than_components():
    found = find_components(cloud(50, 2))
    assert found.directions.shape == (3, 2)
    assert not found.directions[2].any()
    assert found.shares[2] == 0
    assert found.shares.sum() == pytest.approx(1)


@pytest.mark.parametrize("vectors", [np.ones((9, 4), np.float32), np.ones((1, 4), np.float32), cloud(1, 1100)])
def test_vectors_that_are_all_the_same(vectors):
    found = find_components(vectors)
    assert not found.shares.any()
    assert not found.directions.any()
