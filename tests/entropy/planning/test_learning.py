"""Every layer with parameters is listed, whatever the plan names."""

import numpy as np
import pytest

from entropy.planning.learning import Learning, what_learns
from prototxt.formats.text import parse_net, read_net
from prototxt.net.shapes import infer_shapes
from prototxt.templates import TEMPLATES

FREE = np.array([1.0, 0.5, 0, 0, 0, 0, 0, 1])


def by_name(found):
    return {each.layer: (each.how, each.free, each.units) for each in found}


def test_layers_outside_the_plan_learn_whole(small):
    found = what_learns(read_net(small.net), {"conv1": np.zeros(8), "branch/conv2": FREE}, new=["fc4"])
    assert by_name(found) == {
        "conv1": ("planned", 0, 8),
        "branch/conv2": ("planned", 3, 8),
        "bn2": ("statistics", 0, 8),
        "scale2": ("planned", 3, 8),
        "fc3": ("whole", 12, 12),
        "fc4": ("new", 5, 5),
    }
    assert found[0] == Learning("conv1", "Convolution", "planned", 0, 8, (1.0, 2.0))


def test_what_the_net_says_counts(small):
    net = read_net(small.net)
    for layer in net.layer:
        if layer.name in ("conv1", "fc3"):
            layer.param.add(lr_mult=0)
            layer.param.add(lr_mult=0 if layer.name == "conv1" else 3)
    found = what_learns(net, {"conv1": np.ones(8)}, bias_lr=1)
    assert by_name(found)["conv1"] == ("frozen", 0, 8)
    assert by_name(found)["fc3"] == ("whole", 12, 12)
    assert {each.layer: each.lr_mults for each in found}["fc3"] == (0, 3)
    assert {each.layer: each.lr_mults for each in found}["fc4"] == (1, 1)


def test_without_a_plan_all_is_whole_or_statistics(small):
    found = by_name(what_learns(read_net(small.net)))
    assert {how for how, _, _ in found.values()} == {"whole", "statistics"}
    assert found["scale2"] == ("whole", None, None)
    assert found["bn2"] == ("statistics", None, None)


def test_layers_of_the_other_phase_and_unknown_layers_behind_filters():
    net = parse_net("""
        layer { name: "data" type: "DummyData" top: "data" dummy_data_param { shape { dim: 1 dim: 2 dim: 3 dim: 3 } } }
        layer { name: "a" type: "Convolution" bottom: "data" top: "a"
                convolution_param { num_output: 2 kernel_size: 1 } }
        layer { name: "mine" type: "Python" bottom: "a" top: "b" python_param { module: "m" layer: "L" } }
        layer { name: "c" type: "InnerProduct" bottom: "b" top: "c" inner_product_param { num_output: 2 } }
        layer { name: "test" type: "InnerProduct" bottom: "b" top: "d" include { phase: TEST }
                inner_product_param { num_output: 2 } }""")
    found = by_name(what_learns(net, {"a": np.array([0, 1.0])}))
    assert found == {"a": ("planned", 1, 2), "mine": ("whole", None, None), "c": ("whole", 2, 2)}


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_every_layer_with_parameters_of_the_reference_nets(name):
    net = TEMPLATES[name]()
    assert [each.layer for each in what_learns(net)] == list(infer_shapes(net).params)
