import numpy as np
from scipy.ndimage import gaussian_filter

from deepvis.compute.back_views import BACK_MAPS, blur, raw_colours
from deepvis.compute.overlay import overlay
from deepvis.state.viewer import OPTIONS


def test_every_view_but_raw_is_a_map():
    assert {"raw", "histogram", *BACK_MAPS} == set(OPTIONS["back_view"].choices)
    gradient = np.random.default_rng(0).normal(size=(3, 7, 9)).astype(np.float32)
    for view, function in BACK_MAPS.items():
        values = function(gradient)
        assert values.shape == (7, 9)
        assert view == "gray" or values.min() >= 0


def test_views_by_hand():
    gradient = np.array([[[3.0]], [[-4.0]], [[0.0]]], np.float32)
    assert BACK_MAPS["gray"](gradient)[0, 0] == np.float32(-1 / 3)
    assert BACK_MAPS["norm"](gradient)[0, 0] == 5
    assert BACK_MAPS["sum>0"](gradient)[0, 0] == 0


def test_raw_gradients_of_bgr_nets_are_turned_to_rgb():
    gradient = np.array([1.0, 0.0, -2.0], np.float32).reshape(3, 1, 1)
    np.testing.assert_array_equal(raw_colours(gradient, red_channel=2)[0, 0], [1, 128, 192, 255])
    np.testing.assert_array_equal(raw_colours(gradient, red_channel=0)[0, 0], [192, 128, 1, 255])
    np.testing.assert_array_equal(
        raw_colours(np.zeros((1, 2, 2), np.float32)), np.full((2, 2, 4), [128, 128, 128, 255])
    )


def test_overlays():
    picture = np.full((2, 2, 3), 200, np.uint8)
    values = np.array([[1.0, 0.0], [0.0, 0.0]], np.float32)
    colours = np.zeros((2, 2, 4), np.uint8)
    assert overlay(picture, values, colours, "off") is colours
    np.testing.assert_array_equal(overlay(picture, values, colours, "over active")[..., 0], [[200, 0], [0, 0]])
    np.testing.assert_array_equal(overlay(picture, values, colours, "over inactive")[..., 0], [[0, 200], [200, 200]])


def test_the_blur_is_the_gaussian_of_scipy():
    values = np.random.default_rng(0).random((60, 100)).astype(np.float32)
    np.testing.assert_allclose(blur(values), gaussian_filter(values, 2.0), atol=2e-4)
