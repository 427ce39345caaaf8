"""Principal components against scikit-learn and the singular value decomposition."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

import deepvis.compute.principal
from deepvis.compute.principal import finding_components
from prototxt.common.progress import with_bar


def cloud(number, dimensions, seed=0):
    random = np.random.default_rng(seed)
    spread = np.concatenate([[9, 6, 4], np.ones(dimensions)])[:dimensions]
    mixed = random.normal(size=(number, dimensions)) * spread @ np.linalg.qr(random.normal(size=(dimensions,) * 2))[0]
    return (mixed + 2).astype(np.float32)


def components(vectors, count=3):
    return with_bar(finding_components(vectors, count), quiet=True)


@pytest.mark.parametrize(("number", "dimensions"), [(500, 3), (400, 12), (20, 64), (300, 1100)])
def test_the_same_as_scikit_learn_but_for_signs(number, dimensions):
    vectors = cloud(number, dimensions)
    found = components(vectors)
    expected = PCA(3, svd_solver="full").fit(vectors.astype(np.float64))
    signs = np.sign((found.directions * expected.components_).sum(1, keepdims=True))
    np.testing.assert_allclose(found.directions, signs * expected.components_, atol=2e-4)
    np.testing.assert_allclose(found.shares, expected.explained_variance_ratio_, rtol=1e-4)


def test_the_same_as_the_singular_vectors_of_what_is_centred():
    vectors = cloud(200, 8)
    _, values, rows = np.linalg.svd(vectors - vectors.mean(0), full_matrices=False)
    found = components(vectors)
    np.testing.assert_allclose(np.abs((found.directions * rows[:3]).sum(1)), 1, atol=1e-6)
    np.testing.assert_allclose(found.shares, (values**2 / (values**2).sum())[:3], rtol=1e-5)


@pytest.mark.parametrize("dimensions", [5, 1100])
def test_signs_do_not_depend_on_anything(dimensions):
    vectors = cloud(120, dimensions)
    for one, other in zip(components(vectors).directions, components(vectors[::-1].copy()).directions, strict=True):
        assert one[np.abs(one).argmax()] > 0
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_steps_give_the_same_as_one(monkeypatch):
    vectors = cloud(300, 6)
    whole = components(vectors)
    monkeypatch.setattr(deepvis.compute.principal, "_PRODUCTS", 6 * 6 * 7)
    steps = list(finding_components(vectors))
    assert [step.done for step in steps] == list(range(0, 300, 7))
    np.testing.assert_allclose(components(vectors).directions, whole.directions, atol=1e-5)


def test_fewer_dimensions_than_components():
    found = components(cloud(50, 2))
    assert found.directions.shape == (3, 2)
    assert not found.directions[2].any()
    assert found.shares[2] == 0
    assert found.shares.sum() == pytest.approx(1)


def test_vectors_that_are_all_the_same():
    found = components(np.ones((9, 4), np.float32))
    assert not found.shares.any()
