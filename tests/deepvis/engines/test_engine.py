import numpy as np
import pytest
import torch

from deepvis.engines.describe import describe
from deepvis.engines.engine import Engine, Frame
from deepvis.errors import ModelError
from deepvis.state.options import Origin
from prototxt.net.graph import Value


def test_the_list_names_a_layer_once_with_its_activation(make_model):
    net = describe(make_model())
    names = [layer.name for layer in net.layers]
    assert names == ["data", "conv1", "pool1", "branch/left", "100% right", "sum", "up", "fc", "fc8"]
    conv = net.layer("conv1")
    assert (conv.value, conv.own_value, conv.has_filters) == (Value("conv1", 1), Value("conv1"), True)
    assert (conv.units, conv.height, conv.width, conv.shape_text) == (5, 9, 11, "5×9×11")
    assert conv.receptive_field.size == (3, 3)
    assert net.layer("sum").value == Value("sum", 1)
    assert not net.layer("sum").has_filters
    assert net.layer("fc").is_vector
    assert net.class_layer == "fc8"
    assert net.class_name(2) == "class 2"


def test_forward_keeps_every_layer(make_model, make_pictures):
    model = make_model()
    engine, frame = Engine(model), Frame("0.png", make_pictures(1).read(0))
    found = engine.forward(frame)
    values = {value for layer in engine.net.layers for value in (layer.value, layer.own_value)}
    assert set(found.maps) == values
    blob = model.to_blob(frame.pixels)[None]
    np.testing.assert_array_equal(found.blob, blob)
    expected = model.network().run({"data": blob}, keep=list(values))
    for value in values:
        np.testing.assert_array_equal(found.maps[value], expected[value][0].detach())
        assert found.ranges[value] == (found.maps[value].min(), found.maps[value].max())
    assert found.maps[Value("fc", 1)].shape == (6,)


def test_what_the_net_saw_is_cut_from_the_picture(make_model, make_pictures):
    pixels = make_pictures(3).read(2)  # 11 x 11, the crop is 9 x 11
    seen = Engine(make_model()).forward(Frame("2.png", pixels)).seen
    np.testing.assert_array_equal(seen, pixels[1:10])


def test_backward_gives_the_input_and_the_layers_asked_for(make_model, make_pictures):
    engine = Engine(make_model())
    found = engine.forward(Frame("0.png", make_pictures(1).read(0)))
    back = engine.backward(found, Origin(layer="sum", unit=1), "guided", [Value("conv1", 1)])
    assert back.gradient.shape == (3, 9, 11)
    assert back.maps[Value("conv1", 1)].shape == (5, 9, 11)
    assert (back.origin, back.mode) == (Origin(layer="sum", unit=1), "guided")
    assert torch.is_grad_enabled()


def test_a_picture_that_is_too_small_is_told_in_a_sentence(make_model):
    with pytest.raises(Exception, match="crop"):
        Engine(make_model()).forward(Frame("tiny.png", np.zeros((3, 3, 3), np.uint8)))


def test_red_is_found_in_either_order(make_model):
    assert Engine(make_model("BGR")).red_channel == 2
    assert Engine(make_model("RGB")).red_channel == 0
    assert issubclass(ModelError, Exception)
