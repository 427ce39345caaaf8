import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from deepvis.compute.tiles import SMALLEST_TILE, TileLayout, compose_grid
from deepvis.state.net_info import Grid


def naive(maps, layout):
    """Every pixel asks which cell it shows."""
    picture = np.full(layout.shape, np.nan, np.float32)
    for y in range(layout.shape[0]):
        for x in range(layout.shape[1]):
            hit = layout.unit_at(x, y)
            if hit is not None:
                picture[y, x] = maps[hit]
    return picture


def test_three_units_by_hand():
    layout = TileLayout(Grid(3, 2, 2), 1, 2, zoom=1)
    nan = np.nan
    maps = np.array([[[1, 2]], [[3, 4]], [[5, 6]]], np.float32)
    expected = [[1, 2, nan, 3, 4], [nan] * 5, [5, 6, nan, nan, nan]]
    np.testing.assert_array_equal(compose_grid(maps, layout), np.array(expected, np.float32))


@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 5), st.integers(1, 3), st.floats(0.3, 3))
def test_composing_is_what_every_pixel_says(units, height, width, zoom, aspect):
    layout = TileLayout(Grid.of(units, aspect), height, width, zoom)
    maps = np.arange(units * height * width, dtype=np.float32).reshape(units, height, width)
    np.testing.assert_array_equal(compose_grid(maps, layout), naive(maps, layout))


def test_vectors_become_cells_that_can_be_seen():
    layout = TileLayout.of(Grid.of(4096), 1, 1)
    assert layout.zoom == SMALLEST_TILE
    picture = compose_grid(np.arange(4096, dtype=np.float32), layout)
    assert picture.shape == (64 * 10 - 1, 64 * 10 - 1)
    left, top, width, height = layout.box(4095)
    assert (picture[top : top + height, left : left + width] == 4095).all()


@given(st.integers(1, 30), st.integers(1, 20), st.integers(1, 20))
def test_the_middle_of_a_tile_is_its_unit(units, height, width):
    layout = TileLayout.of(Grid.of(units), height, width)
    left, top, tile_width, tile_height = layout.box(units - 1)
    hit = layout.unit_at(left + tile_width / 2, top + tile_height / 2)
    assert hit == (units - 1, height // 2, width // 2)
    assert layout.unit_at(left + tile_width, top) is None
    assert layout.unit_at(-0.5, 0) is None


def test_units_in_another_order_are_composed_and_found():
    maps = np.arange(4 * 2 * 3, dtype=np.float32).reshape(4, 2, 3)
    layout = TileLayout(Grid(3, 2, 2, (3, 0, 2)), 2, 3, zoom=1)
    whole = compose_grid(maps, layout)
    for unit in (3, 0, 2):
        left, top, width, height = layout.box(unit)
        np.testing.assert_array_equal(whole[top : top + height, left : left + width], maps[unit])
        assert layout.unit_at(left + 1, top) == (unit, 0, 1)
    assert np.isnan(whole[3:, 4:]).all()
