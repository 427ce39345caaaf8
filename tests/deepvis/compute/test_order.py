"""Order and filter of units: a slow loop, and every sentence of the filter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepvis.compute.order import NUMBERS, class_selectivity, needed, order_units, parse_filter, passes
from deepvis.errors import SettingsError

VALUES = {
    "H": np.array([0.0, 1.5, 2.0, 3.0]),
    "rate": np.array([1.0, 1.0, 0.0, 0.0]),
    "dead share": np.array([1.0, 0.5, 0.25, 0.0]),
    "class": np.array([0.0, 1.0, 1.0, 2.0]),
    "activation": np.array([0.0, np.nan, 2.0, -1.0]),
}
CLASSES = ("attic", "kitchen", "living room")


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("H < 2", [0, 1]),
        ("h<=2", [0, 1, 2]),
        ("H >= 1.5, H < 3", [1, 2]),
        ("H > 0 and free", [1]),
        ("dead", [0]),
        ("Frozen", [2, 3]),
        ("dead share > 0.2, frozen", [2]),
        ("class = kitchen", [1, 2]),
        ("class = living room", [3]),
        ("class = 0", [0]),
        ("activation >= -1", [0, 2, 3]),
    ],
)
def test_filters(text, units):
    assert np.flatnonzero(passes(parse_filter(text), VALUES, CLASSES)).tolist() == units


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("H", "write conditions such as"),
        ("H ~ 2", "no condition"),
        ("entropie < 2", "no condition"),
        ("ded", "did you mean 'dead'?"),
        ("ratte > 0", "did you mean 'rate'?"),
        ("H < low", "'low' is no value of H"),
        ("class = kitchn", "did you mean 'kitchen'?"),
    ],
)
def test_what_is_no_filter_is_told(text, words):
    with pytest.raises(SettingsError) as caught:
        passes(parse_filter(text), VALUES, CLASSES)
    assert words in str(caught.value)


def test_an_empty_filter_needs_nothing():
    assert parse_filter(" , and ") == ()
    assert needed("unit", ()) == set()
    assert needed("mean", parse_filter("H < 2, free")) == {"mean", "H", "rate"}
    assert needed("mean", parse_filter("H < 2, free")) <= set(NUMBERS)


@given(
    st.lists(st.one_of(st.integers(-2, 2).map(float), st.just(float("nan"))), min_size=1, max_size=30),
    st.booleans(),
    st.data(),
)
def test_the_order_is_that_of_a_slow_sort(scores, descending, data):
    keep = data.draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores)))
    known = [unit for unit, score in enumerate(scores) if score == score and keep[unit]]
    rest = [unit for unit, score in enumerate(scores) if score != score and keep[unit]]
    expected = sorted(known, key=lambda unit: -scores[unit] if descending else scores[unit]) + rest
    assert list(order_units(len(scores), np.array(scores), descending, np.array(keep))) == expected


def test_without_scores_the_order_is_that_of_the_numbers():
    assert order_units(4, None, False) == (0, 1, 2, 3)
    assert order_units(4, None, True) == (3, 2, 1, 0)


def test_class_selectivity():
    means = np.array([[4.0, 1.0, 0.0, 3.0], [0.0, 1.0, 0.0, 1.0], [np.nan] * 4, [0.0, 1.0, 0.0, 0.0]], np.float32)
    np.testing.assert_allclose(class_selectivity(means), [1.0, 0.0, 0.0, (3 - 0.5) / 3.5])
    np.testing.assert_array_equal(class_selectivity(means[:1]), np.zeros(4))
