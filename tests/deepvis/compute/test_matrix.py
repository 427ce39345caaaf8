import numpy as np
import pytest

from deepvis.compute.matrix import ROWS, MatrixLayout, correlating, order_by_likeness
from deepvis.state.net_info import Grid


def test_correlations_are_those_of_numpy():
    rows = np.random.default_rng(0).normal(2, 3, (ROWS + 30, 40)).astype(np.float32)
    parts = list(correlating(rows))
    assert [len(part) for part in parts] == [0, 0, ROWS, 30], "steps in which rows are centred bring none"
    np.testing.assert_allclose(np.concatenate(parts), np.corrcoef(rows.astype(np.float64)), atol=2e-6)


def test_constant_units_correlate_with_nothing():
    rows = np.array([[1, 2, 3], [7.3, 7.3, 7.3], [3, 2, 1], [0, 0, 0]], np.float32)
    matrix = np.concatenate(list(correlating(rows)))
    assert np.isnan(matrix[[1, 3]]).all()
    np.testing.assert_allclose(matrix[np.ix_([0, 2], [0, 2])], [[1, -1], [-1, 1]], atol=1e-6)
    assert order_by_likeness(matrix).tolist() == [0, 2, 1, 3]


def test_alike_units_become_neighbours():
    random = np.random.default_rng(1)
    kinds = random.normal(size=(3, 50))
    group = random.permutation(np.repeat(np.arange(3), 10))
    rows = (kinds[group] + 0.3 * random.normal(size=(30, 50))).astype(np.float32)
    order = order_by_likeness(np.concatenate(list(correlating(rows))))
    assert sorted(order) == list(range(30))
    assert (np.diff(group[order]) != 0).sum() == 2


def test_the_row_of_a_unit_and_what_is_under_a_pixel():
    layout = MatrixLayout(np.array([2, 0, 1]))
    assert layout.shape == (600, 600)
    assert layout.box(0) == (0, 200, 600, 200)
    assert layout.unit_at(599, 201) == (0, 1, 2)
    assert layout.unit_at(600, 0) is None
    assert layout.unit_at(-1, 0) is None
    values = np.array([[1, 0.25, 0], [0.25, 1, np.nan], [0, 0, 1]])
    assert layout.words((2, 0, 1), values) == "units 2 and 0: r 0.250"
    assert "constant" in layout.words((0, 1, 2), values)
    assert layout.fits(Grid(3, 1, 3))
    assert not layout.fits(Grid(4, 2, 2))


@pytest.mark.parametrize("units", [1, 3])
def test_few_units_keep_their_order(units):
    assert order_by_likeness(np.eye(units, dtype=np.float32)).tolist() == list(range(units))
