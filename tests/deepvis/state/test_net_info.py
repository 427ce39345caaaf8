from hypothesis import given
from hypothesis import strategies as st

from deepvis.state.net_info import NEARLY, Grid

grids = st.builds(Grid.of, st.integers(1, 5000), st.floats(0.1, 10))


@given(grids)
def test_every_unit_has_a_place_of_its_own(grid):
    assert (grid.rows - 1) * grid.columns < grid.units <= grid.rows * grid.columns
    for unit in (0, grid.units // 2, grid.units - 1):
        assert grid.unit_at(*grid.place(unit)) == unit


@given(grids, st.data())
def test_moving_stays_inside(grid, data):
    unit = data.draw(st.integers(0, grid.units - 1))
    down, right = data.draw(st.integers(-9, 9)), data.draw(st.integers(-9, 9))
    assert 0 <= grid.move(unit, down, right) < grid.units


def test_the_grid_follows_the_shape_of_its_pane():
    assert Grid.of(64) == Grid(64, 8, 8)
    assert Grid.of(64, 4.0) == Grid(64, 4, 16)
    assert Grid.of(1, 9.0) == Grid(1, 1, 1)
    assert Grid.of(3, 100.0) == Grid(3, 1, 3)


def test_arrow_keys_at_the_edges():
    grid = Grid(7, 3, 3)  # 0 1 2 / 3 4 5 / 6
    assert grid.move(0, 0, -1) == 0
    assert grid.move(2, 0, 1) == 2
    assert grid.move(1, -1, 0) == 1
    assert grid.move(3, 1, 0) == 6
    assert grid.move(5, 1, 0) == 6
    assert grid.move(6, 0, 1) == 6
    assert grid.move(6, -1, 0) == 3
    assert grid.move(4, -9, 9) == 2


def test_outside_of_the_grid_is_no_unit():
    grid = Grid(7, 3, 3)
    assert [grid.unit_at(*place) for place in ((2, 1), (3, 0), (-1, 0), (0, 3))] == [None] * 4


@given(st.integers(1, 600), st.floats(0.2, 5))
def test_no_other_grid_has_much_larger_cells(units, aspect):
    def cell(columns):
        return min(aspect / columns, 1 / -(-units // columns))

    assert cell(Grid.of(units, aspect).columns) >= NEARLY * max(map(cell, range(1, units + 1))) - 1e-12


def test_a_last_row_of_one_is_avoided():
    assert Grid.of(256, 0.85) == Grid(256, 16, 16)
    assert Grid.of(64, 0.87) == Grid(64, 8, 8)


def test_a_grid_in_another_order():
    grid = Grid.of(3, 1.0, (6, 2, 4))
    assert [grid.place(unit) for unit in (6, 2, 4)] == [divmod(cell, grid.columns) for cell in range(3)]
    assert [grid.unit_at(*grid.place(unit)) for unit in (6, 2, 4)] == [6, 2, 4]
    assert grid.holds(4)
    assert not grid.holds(0)
    row = Grid(3, 1, 3, (6, 2, 4))
    assert row.move(6, 0, 1) == 2
    assert row.move(2, 0, 9) == 4
    assert row.move(0, 0, 1) == 6
    assert row.unit_at(0, 3) is None
