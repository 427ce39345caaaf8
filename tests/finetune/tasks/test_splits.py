import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.errors import ExperimentError
from finetune.tasks.splits import folds, of_classes, per_class, random_classes, stratified_share, three_parts

labels_of = st.lists(st.integers(0, 4), min_size=1, max_size=80).map(np.array)
shares = st.floats(0.01, 0.99)


@given(labels_of, shares, st.integers(0, 1000))
def test_a_share_is_that_share_of_every_class(labels, share, seed):
    chosen = stratified_share(labels, share, seed)
    for label in np.unique(labels):
        count = int((labels == label).sum())
        assert int(chosen[labels == label].sum()) == min(round(share * count), count - 1)


@given(labels_of, shares, shares, st.integers(0, 1000))
def test_a_larger_share_holds_the_smaller(labels, one, other, seed):
    small, large = sorted((one, other))
    assert (stratified_share(labels, large, seed) | ~stratified_share(labels, small, seed)).all()


@given(labels_of, st.integers(1, 20), st.integers(0, 1000))
def test_so_many_of_each_class_and_fewer_are_among_more(labels, count, seed):
    rows = per_class(labels, count, seed)
    assert (np.diff(rows) > 0).all()
    for label in np.unique(labels):
        assert (labels[rows] == label).sum() == min(count, (labels == label).sum())
    assert set(rows) <= set(per_class(labels, count + 1, seed))


@given(st.integers(2, 6), st.integers(6, 20), st.integers(0, 1000))
def test_folds_test_every_image_once_and_spread_classes_evenly(count, images, seed):
    labels = np.repeat(np.arange(3), images)
    made = folds(labels, count, seed)
    assert sorted(np.concatenate([test for _, test in made]).tolist()) == list(range(3 * images))
    for train, test in made:
        assert not set(train) & set(test)
        assert len(train) + len(test) == 3 * images
        assert np.ptp(np.bincount(labels[test], minlength=3)) <= 1


def test_too_few_images_for_folds_are_refused():
    with pytest.raises(ExperimentError, match=r"5 folds cannot be made.*\(4\)"):
        folds(np.repeat([0, 1], [4, 9]), 5)


@given(labels_of, st.permutations(range(5)), st.integers(1, 5))
def test_classes_are_numbered_as_they_are_given(labels, order, count):
    rows, renumbered = of_classes(labels, order[:count])
    assert [order[new] for new in renumbered] == labels[rows].tolist()
    assert len(rows) == np.isin(labels, order[:count]).sum()


def test_random_halves_of_classes():
    chosen, others = random_classes(10, 4, seed=3)
    assert sorted(chosen + others) == list(range(10))
    assert (len(chosen), chosen) == (4, random_classes(10, 4, seed=3)[0])
    with pytest.raises(ExperimentError, match="10 of 10 classes cannot be chosen"):
        random_classes(10, 10)


@pytest.mark.parametrize("share", [0, 1, -1])
def test_a_share_must_lie_between(share):
    with pytest.raises(ExperimentError, match="between 0 and 1"):
        stratified_share(np.zeros(3, int), share)


@pytest.mark.parametrize("fold", [None, 0, 3, 13])
def test_three_parts_are_whole_and_have_every_class_alike(fold):
    labels = np.repeat([0, 1, 2], [100, 50, 30])
    parts = three_parts(labels, (0.7, 0.2, 0.1), 1, fold)
    assert (np.sum(parts, axis=0) == 1).all()
    for part, share in zip(parts, (0.7, 0.2, 0.1), strict=True):
        np.testing.assert_allclose(np.bincount(labels[part]), share * np.array([100, 50, 30]), atol=1)


def test_folds_test_every_image_once_and_repeat_after_the_last():
    labels = np.repeat([0, 1], 40)
    tests = [three_parts(labels, (0.5, 0.25, 0.25), 7, fold)[2] for fold in range(5)]
    assert (np.sum(tests[:4], axis=0) == 1).all()
    np.testing.assert_array_equal(tests[4], tests[0])


def test_shares_that_mean_nothing_are_refused():
    labels = np.repeat([0, 1], 40)
    with pytest.raises(ExperimentError, match=r"sum to 1; got \[0.7, 0.2, 0.2\]"):
        three_parts(labels, (0.7, 0.2, 0.2))
    with pytest.raises(ExperimentError, match=r"a test share of 0.15 gives no whole number of folds.*take 0.142857"):
        three_parts(labels, (0.7, 0.15, 0.15), fold=0)
