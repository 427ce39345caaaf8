import numpy as np
import pytest

from deepvis.compute.colour import (
    BACKGROUND,
    DIVERGING,
    ColourScale,
    boost_units,
    colour_table,
    colourise,
    scale_for,
    unit_ranges,
    with_levels,
)
from deepvis.state.options import COLORMAPS


def test_signed_values_diverge_about_zero():
    scale = scale_for(-1.0, 3.0, "inferno")
    assert (scale.low, scale.high, scale.colormap, scale.diverging) == (-3.0, 3.0, DIVERGING, True)


def test_positive_values_start_at_zero_and_silence_is_dark():
    assert (scale_for(0.5, 3.0, "gray").low, scale_for(0.5, 3.0, "gray").high) == (0.0, 3.0)
    silent = colourise(np.zeros((2, 2), np.float32), scale_for(0, 0, "gray"))
    np.testing.assert_array_equal(silent, np.broadcast_to(colour_table("gray")[0], (2, 2, 4)))


def test_gray_is_the_value_itself():
    levels = np.arange(256, dtype=np.float32)
    colours = colourise(levels, scale_for(0, 255, "gray"))
    np.testing.assert_array_equal(colours[:, 0], levels)
    assert (colours[:, 3] == 255).all()


def test_ends_and_no_numbers():
    colours = colourise(np.array([-5, 5, np.nan, np.inf], np.float32), scale_for(0, 1, "viridis"))
    table = colour_table("viridis")
    np.testing.assert_array_equal(colours, [table[0], table[255], BACKGROUND, table[255]])


def test_zero_is_the_middle_of_the_diverging_map_whatever_the_gamma():
    for gamma in (1.0, 0.5):
        scale = scale_for(-2, 2, "gray", gamma)
        middle = colourise(np.zeros(1, np.float32), scale)[0]
        assert any((middle == colour_table(DIVERGING)[place]).all() for place in (127, 128))


def test_gamma_lifts_small_values_on_both_sides():
    values = np.array([-0.25, 0.25], np.float32)
    scale = scale_for(-1, 1, "gray", 0.5)
    table = colour_table(DIVERGING)
    low, high = (np.flatnonzero((table == colour).all(1))[0] for colour in colourise(values, scale))
    assert abs(high - (0.75 * 255)) <= 1
    assert abs(low - (0.25 * 255)) <= 1


@pytest.mark.parametrize("name", [*COLORMAPS])
def test_sequential_maps_grow_brighter_all_the_way(name):
    table = colour_table(name)[:256, :3].astype(float)
    brightness = table @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(brightness) > -1.0).all()
    assert brightness[-1] - brightness[0] > 150


def test_boost_makes_units_equal_in_the_end():
    maps = np.array([[[1.0, 2.0]], [[0.0, 0.5]], [[0.0, 0.0]], [[-4.0, 1.0]]], np.float32)
    np.testing.assert_array_equal(boost_units(maps, 0.0), maps)
    reach = np.abs(unit_ranges(boost_units(maps, 1.0))).max(1)
    np.testing.assert_allclose(reach, [4, 4, 0, 4])


def test_levels_span_a_part_of_the_scale():
    assert with_levels(scale_for(0, 8, "gray"), 0.25, 0.5) == ColourScale(2.0, 4.0, "gray")
    assert with_levels(scale_for(-1, 4, "gray"), 0.25, 0.5) == ColourScale(-2.0, 2.0, DIVERGING)
    assert with_levels(scale_for(0, 8, "gray"), 0.5, 0.5) == scale_for(0, 8, "gray")
