"""Filters as pictures: the channels of the first layer, principal components of deeper ones."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.decomposition import PCA

from deepvis.compute.filter_images import drawing_filters, unit_kernels
from prototxt.common.progress import with_bar
from tests.deepvis.netgraph.nets import conv, data, layer, model_of, relu

TEXT = (
    data(8)
    + layer("normed", "BatchNorm", "data")
    + conv("conv1", "normed", 6, 3)
    + relu("relu1", "conv1")
    + conv("conv2", "conv1", 10, 3, 1, 1)
    + layer("grouped", "Convolution", "conv2", convolution_param="num_output: 8 kernel_size: 3 group: 2")
    + layer("deep", "Convolution", "grouped", convolution_param="num_output: 8 kernel_size: 1 group: 8")
    + layer("up", "Deconvolution", "deep", convolution_param="num_output: 5 kernel_size: 2 stride: 2")
    + layer("flat", "Flatten", "up")
    + layer("fc6", "InnerProduct", "flat", inner_product_param="num_output: 7")
    + layer("fc7", "InnerProduct", "fc6", inner_product_param="num_output: 9")
)


def filled(seed=0):
    model = model_of(TEXT, 8)
    random = np.random.default_rng(seed)
    weights = {
        name: [random.normal(0.2, 1, part.shape).astype(np.float32) for part in parts]
        for name, parts in model.weights.items()
    }
    return replace(model, weights=weights)


def images_of(model, name):
    return with_bar(drawing_filters(model, name), quiet=True)


@pytest.mark.parametrize(("order", "red"), [("RGB", 0), ("BGR", 2)])
def test_the_first_layer_is_in_the_colours_of_the_picture(order, red):
    model = filled().with_preprocessing(channel_order=order)
    images = images_of(model, "conv1")
    weights = model.weights["conv1"][0]
    reach = np.abs(weights).max()
    assert images.reach == reach
    np.testing.assert_array_equal(images.pixels[..., 0], np.rint(128 + weights[:, red] * (127 / reach)))
    np.testing.assert_array_equal(images.pixels[..., 2], np.rint(128 + weights[:, 2 - red] * (127 / reach)))
    assert set(images.pixels[np.unravel_index(np.abs(weights).argmax(), weights.shape)[0]].ravel()) & {1, 255}


@pytest.mark.parametrize(("name", "groups"), [("conv2", 1), ("grouped", 2), ("up", 1), ("fc6", 1), ("fc7", 1)])
def test_deeper_layers_are_projected_on_their_components(name, groups):
    model = filled()
    images = images_of(model, name)
    kernels = unit_kernels(model, model.graph.node(name)).astype(np.float64)
    units, inputs, height, width = kernels.shape
    projected = []
    for group in kernels.reshape(groups, units // groups, inputs, height, width):
        vectors = np.array([unit[:, y, x] for unit in group for y in range(height) for x in range(width)])
        directions = PCA(3).fit(vectors).components_
        directions *= np.sign(np.take_along_axis(directions, np.abs(directions).argmax(1)[:, None], 1))
        projected.append((vectors @ directions.T).reshape(-1, height, width, 3))
    expected = np.concatenate(projected)
    assert images.reach == pytest.approx(np.abs(expected).max(), rel=1e-4)
    levels = 128 + expected * 127 / images.reach
    assert np.abs(images.pixels - levels).max() <= 0.51


def test_zero_is_grey_and_one_input_has_no_colour():
    model = filled()
    model.weights["conv2"][0][3] = 0
    assert set(images_of(model, "conv2").pixels[3].ravel()) == {128}
    deep = images_of(model, "deep")
    assert deep.what == "weights of the only input channel"
    np.testing.assert_array_equal(deep.pixels[..., 0], deep.pixels[..., 1])
    nothing = {"conv2": [np.zeros_like(model.weights["conv2"][0])]}
    assert set(images_of(replace(model, weights=model.weights | nothing), "conv2").pixels.ravel()) == {128}


def test_kernels_of_fully_connected_layers_are_maps_where_they_read_maps():
    model = filled()
    fc6 = unit_kernels(model, model.graph.node("fc6"))
    assert fc6.shape == (7, 5, 8, 8)
    np.testing.assert_array_equal(fc6.reshape(7, -1), model.weights["fc6"][0])
    assert unit_kernels(model, model.graph.node("fc7")).shape == (9, 7, 1, 1)
    assert unit_kernels(model, model.graph.node("grouped")).shape == (8, 5, 3, 3)


def test_a_grey_net_is_drawn_in_grey(make_model):
    images = images_of(make_model("GRAY"), "conv1")
    assert images.pixels.shape == (5, 3, 3, 3)
    np.testing.assert_array_equal(images.pixels[..., 0], images.pixels[..., 2])
