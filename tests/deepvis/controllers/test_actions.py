import pytest

from deepvis.controllers.actions import ACTIONS
from deepvis.state.net_info import LayerInfo, NetInfo
from deepvis.state.options import COLORMAPS, Origin
from deepvis.state.resolve import resolve
from deepvis.state.viewer import OPTIONS, ViewerModel
from prototxt.net.graph import Value

NET = NetInfo(
    "small",
    (
        LayerInfo("data", "Input", 3, Value("data"), Value("data"), 9, 11),
        LayerInfo("conv1", "Convolution", 16, Value("conv1"), Value("conv1"), 9, 9, has_filters=True),
        LayerInfo("fc", "InnerProduct", 100, Value("fc"), Value("fc"), has_filters=True),
    ),
)


def do(model, *actions, pictures=5):
    for action in actions:
        ACTIONS[action](model, resolve(model, NET, pictures), NET)
    return resolve(model, NET, pictures)


def test_moving_between_units():
    model = ViewerModel(layer="conv1")  # 4 x 4
    assert do(model, "unit_right", "unit_down").unit == 5
    assert do(model, "unit_down_fast").unit == 13
    assert do(model, "unit_right_fast").unit == 15
    assert do(model, "unit_up_fast", "unit_left_fast", "unit_left", "unit_up").unit == 0


def test_a_wish_beyond_the_layer_does_not_swallow_key_presses():
    model = ViewerModel(layer="conv1", unit=99)
    assert do(model, "unit_left").unit == 14


def test_layers_stop_at_both_ends():
    model = ViewerModel(layer="conv1")
    assert do(model, "next_layer", "next_layer", "next_layer").layer.name == "fc"
    assert do(model, *["previous_layer"] * 5).layer.name == "data"


def test_pictures_go_round_and_leave_the_camera():
    model = ViewerModel()
    assert do(model, "previous_picture").picture == 4
    assert do(model, "next_picture").picture == 0
    state = do(model, "toggle_camera", "next_picture")
    assert (state.source, state.picture) == ("files", 0)


@pytest.mark.parametrize("field", [name for name, option in OPTIONS.items() if option.choices])
def test_choices_go_round(field):
    choices, model = OPTIONS[field].choices, ViewerModel(layer="conv1")
    first = choices.index(getattr(model, field))
    forward = [choices[(first + step) % len(choices)] for step in range(len(choices) + 1)]
    for word, expected in (("next", forward), ("previous", forward[::-1])):
        action = f"toggle_{field}" if choices == (False, True) else f"{word}_{field}"
        seen = [getattr(model, field)]
        for _ in choices:
            do(model, action)
            seen.append(getattr(model, field))
        assert seen == expected


def test_a_colour_map_from_the_settings_is_a_place_to_start_from():
    model = ViewerModel(colormap="magma")
    assert do(model, "next_colormap").colormap == COLORMAPS[0]
    model = ViewerModel(colormap="magma")
    assert do(model, "previous_colormap").colormap == COLORMAPS[-1]


def test_yosinskis_loop_of_back_propagation():
    model = ViewerModel(layer="conv1")
    seen = []
    for _ in range(5):
        do(model, "next_back_step")
        seen.append((model.back_mode, model.back_view))
    assert seen == [("gradient", "raw"), ("gradient", "norm"), ("deconv", "raw"), ("off", "raw"), ("gradient", "raw")]
    model.back_mode = "guided"
    do(model, "next_back_step")
    assert model.back_mode == "off"


def test_freezing_the_origin():
    model = ViewerModel(layer="fc", unit=7)
    state = do(model, "toggle_origin", "previous_layer")
    assert (state.origin, state.origin_is_frozen, state.back_mode) == (Origin(layer="fc", unit=7), True, "gradient")
    state = do(model, "toggle_origin")
    assert (state.origin, state.origin_is_frozen) == (Origin(layer="conv1", unit=7), False)
    assert do(ViewerModel(layer="data"), "toggle_origin").origin is None


def test_reset_keeps_the_place():
    model = ViewerModel(layer="fc", unit=7, picture=2, zoom="unit", back_mode="guided")
    model.gamma, model.show_patches = 0.5, False
    do(model, "toggle_origin", "toggle_show_help", "reset")
    assert model == ViewerModel(layer="fc", unit=7, picture=2)


def test_reset_goes_back_to_what_the_settings_say():
    wishes = {"layer": "conv1", "colormap": "gray", "scale": "frame", "fast_step": 2, "gamma": 0.7, "fit": "crop"}
    model = ViewerModel(**wishes)
    do(model, "next_colormap", "next_scale", "next_gamma", "next_fit", "toggle_show_classes", "reset")
    assert model == ViewerModel(**wishes)
    assert do(model, "unit_right_fast").unit == 2
