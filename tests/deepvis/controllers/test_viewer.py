"""The controller without a window: answers are shown if they still fit, whatever order they come in."""

from dataclasses import replace

import numpy as np
import pytest

from deepvis.engines.engine import Engine
from deepvis.session.session import Session
from deepvis.state.options import Origin
from prototxt.net.graph import Value
from prototxt.pixels.preprocess import Preprocessing
from prototxt.pixels.samples import Pair


def test_at_the_start_everything_is_shown(setup):
    made = setup(layer="conv1", back_mode="guided")
    made.threads.end_all()
    assert made.controller.idle
    assert made.last("input").title == "0.png"
    assert made.last("input").detail == "1/4 · 11×9"
    assert made.last("grid").pixels.shape[2] == 4
    assert made.last("unit").title == "conv1:0"
    assert made.last("back").title == "Guided of conv1:0"
    assert len(made.last("classes").rows) == 3
    assert abs(sum(share for _, share in made.last("classes").rows) - 1) < 1e-6
    assert "No scan" in made.last("facts").missing
    assert not made.view.show_problem.called


def test_moving_between_units_asks_the_net_for_nothing(setup):
    made = setup(layer="conv1")
    made.threads.end_all()
    made.controller.do("unit_right")
    assert made.threads.running == []
    assert made.last("unit").title == "conv1:1"


def test_a_slow_answer_for_an_earlier_picture_is_dropped(setup):
    made = setup(layer="conv1")
    made.controller.do("next_picture")
    made.controller.do("next_picture")
    made.threads.end_all()
    titles = [call.args[0].title for call in made.view.show_input.call_args_list if call.args[0].pixels is not None]
    assert set(titles) == {"2.png"}


def test_back_propagation_of_an_earlier_unit_is_dropped(setup):
    made = setup(layer="sum", back_mode="gradient")
    made.threads.end_all()
    made.controller.select_unit(1)
    made.controller.select_unit(2)
    made.threads.end_all()
    origins = {call.args[0].title for call in made.view.show_back.call_args_list if call.args[0].pixels is not None}
    assert "Gradient of sum:1" not in origins
    assert made.controller.back.origin == Origin(layer="sum", unit=2)


def test_diffs_take_the_place_of_activations(setup):
    made = setup(layer="conv1", back_mode="gradient", origin=Origin(layer="sum", unit=1), show_diffs=True)
    made.threads.end_all()
    expected = made.controller.back.maps[Value("conv1", 1)]
    np.testing.assert_array_equal(made.last("grid").values, expected)
    assert made.last("unit").title == "conv1:0 diffs"


def test_the_scale_of_a_layer_only_grows(setup):
    made = setup(layer="conv1")
    made.threads.end_all()
    highs = [made.last("grid").scale.high]
    for _ in range(3):
        made.controller.do("next_picture")
        made.threads.end_all()
        highs.append(made.last("grid").scale.high)
    assert highs == sorted(highs)
    assert highs[-1] > highs[0]
    made.model.scale = "frame"
    made.threads.end_all()
    assert made.last("grid").scale.high == made.last("grid").values.max()
    assert "this picture alone" in made.last("grid").note


def test_a_broken_picture_is_told_and_the_next_one_shown(setup, make_pictures):
    pictures = make_pictures(2, folder="broken")
    pictures.path(0).write_bytes(b"not a picture")
    made = setup(layer="conv1", images=pictures)
    made.threads.end_all()
    assert "0.png" in made.view.show_problem.call_args.args[0].sentence
    assert made.last("grid").missing == "No picture to show"
    assert made.last("input").pixels is None
    made.controller.do("next_picture")
    made.threads.end_all()
    assert made.last("input").title == "1.png"
    assert made.last("grid").pixels is not None
    assert made.view.clear_problem.called


def test_a_fault_of_the_net_is_told_with_details(setup):
    made = setup(layer="conv1")
    made.threads.end_all()
    made.controller.session.engine.backward = lambda *_: 1 / 0
    made.model.back_mode = "guided"
    made.threads.end_all()
    problem = made.view.show_problem.call_args.args[0]
    assert "ZeroDivisionError" in problem.sentence
    assert "Traceback" in problem.details
    made.controller.do("unit_right")
    assert made.last("unit").title == "conv1:1"


def test_without_pictures_the_window_says_what_to_do(setup):
    made = setup(images=None)
    made.threads.end_all()
    assert "Ctrl+O" in made.last("grid").missing
    assert "Ctrl+O" in made.last("input").missing


@pytest.mark.parametrize("mode", ["activations", "weight histograms", "weight correlation"])
def test_another_preprocessing_in_the_middle_of_the_work(setup, mode):
    made = setup(layer="conv1", layer_mode=mode, back_mode="guided", panes=("histograms", "pixels"))
    picture = made.controller.session.images.read(0)
    first = made.controller.session.engine
    for scale in (0.25, 0.5):  # the answers to the first are never seen
        changed = Preprocessing("BGR", scale, crop=(9, 11))
        made.controller.set_preprocessing(changed)
    made.threads.end_all()
    assert made.controller.idle
    np.testing.assert_array_equal(made.controller.activations.blob[0], changed.apply(picture))
    assert made.last("grid").pixels is not None
    assert {call.args[0] for call in made.view.show_pane.call_args_list} == {"histograms", "pixels"}
    assert made.view.show_pane.call_args_list[-1].args[1].preprocessing == changed
    fresh = Engine(first.model.prepared_by(changed))
    expected = fresh.forward(made.controller.activations.frame)
    for value, maps in expected.maps.items():
        np.testing.assert_array_equal(made.controller.activations.maps[value], maps)
    back = fresh.backward(expected, made.controller.back.origin, "guided", [])
    np.testing.assert_array_equal(made.controller.back.gradient, back.gradient)
    assert first.model.preprocessing.mean == (3, 3, 3)
    assert not made.view.show_problem.called


def test_a_finished_view_is_kept_until_another_model_comes(setup, make_model):
    made = setup(layer="conv1", layer_mode="weight histograms")
    made.threads.end_all()
    first = made.last("grid")
    assert first.pixels is not None
    made.model.layer_mode = "weight correlation"
    made.threads.end_all()
    made.controller.do("next_picture")
    made.threads.end_all()
    made.model.layer_mode = "weight histograms"
    assert made.last("grid") is first
    made.controller.set_session(Session(Engine(make_model(seed=5))))
    made.threads.end_all()
    assert made.last("grid") is not first
    assert (made.last("grid").pixels != first.pixels).any()


def test_a_view_that_is_left_before_it_is_made_is_not_shown(setup):
    made = setup(layer="conv1", layer_mode="weight histograms")
    made.model.layer_mode = "weight correlation"
    made.threads.end_all()
    notes = {call.args[0].note for call in made.view.show_grid.call_args_list if call.args[0].pixels is not None}
    assert len(notes) == 1
    assert next(iter(notes)).startswith("correlation")


def test_of_a_pair_both_or_one_is_shown(setup):
    made = setup(layer="conv1", back_mode="gradient")
    made.threads.end_all()
    controller = made.controller
    single = made.last("input").pixels
    made.controller.do("next_pair_view")
    np.testing.assert_array_equal(made.last("input").pixels, single)
    frame = replace(controller.activations.frame, pixels=Pair(single, single))
    controller.activations = replace(controller.activations, frame=frame, split=4)
    controller.back = replace(controller.back, frame=frame)
    for view, columns, half in (("second", slice(4, None), slice(5, None)), ("first", slice(0, 4), slice(0, 5))):
        made.model.pair_view = view
        np.testing.assert_array_equal(made.last("input").pixels, single[:, columns])
        assert made.last("input").detail.endswith(f"{view} of the pair")
        assert made.last("back").pixels.shape[1] == controller.back.gradient[..., half].shape[-1]
