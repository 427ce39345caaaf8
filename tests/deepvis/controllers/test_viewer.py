"""The controller without a window: answers are shown if they still fit, whatever order they come in."""

from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from unittest.mock import create_autospec

import numpy as np
import pytest

from deepvis.compute.facts import Facts
from deepvis.controllers.contents import View
from deepvis.controllers.viewer import ViewerController
from deepvis.engines.engine import Engine
from deepvis.errors import ImageError
from deepvis.scan.reader import Scan
from deepvis.scan.run import scan
from deepvis.session.session import Session
from deepvis.sources.camera import Camera
from deepvis.sources.player import Player
from deepvis.state.viewer import Origin, ViewerModel
from prototxt.common.progress import with_bar
from prototxt.net.graph import Value
from prototxt.pixels.preprocess import Preprocessing
from prototxt.pixels.samples import Pair


@dataclass
class Threads:
    """Jobs end when the test says so, all of them or one by one."""

    running: list = field(default_factory=list)

    def start_on(self, lane):
        return lambda job, finished: self.running.append((lane, job, finished))

    def end(self, place=0):
        _, job, finished = self.running.pop(place)
        finished(job())

    def end_on(self, lane):
        self.end(self.lanes.index(lane))

    @property
    def lanes(self):
        return [lane for lane, _, _ in self.running]

    def end_all(self):
        while self.running:
            self.end()


@dataclass
class Setup:
    controller: ViewerController
    model: ViewerModel
    view: object
    threads: Threads

    def last(self, pane):
        return getattr(self.view, f"show_{pane}").call_args.args[0]


@pytest.fixture
def setup(make_model, make_pictures):
    made = []

    def make(facts=None, images=..., camera=None, **wishes):
        threads, view = Threads(), create_autospec(View, instance=True)
        pictures = make_pictures(4, folder=f"made{len(made)}") if images is ... else images
        session = Session(Engine(make_model()), pictures, facts, camera=camera or Camera())
        model = ViewerModel(**wishes)
        controller = ViewerController(session, model, view, threads.start_on)
        made.append(controller)
        controller.start()
        return Setup(controller, model, view, threads)

    yield make
    for controller in made:
        controller.close()
        controller.release()


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


class Frames(Camera):
    """A camera that gives frames of one value after the other."""

    def __init__(self, frames):
        super().__init__()
        self.frames, self.closed = iter(frames), False

    def read(self):
        try:
            return np.full((9, 11, 3), next(self.frames), np.uint8)
        except StopIteration:
            raise ImageError("camera 0: gives no more frames") from None

    def close(self):
        self.closed = True


def test_the_camera_shows_frame_after_frame(setup):
    made = setup(layer="conv1", source="camera", camera=Frames([1, 2, 3]))
    made.threads.end_all()
    shown = [c.args[0].pixels[0, 0, 0] for c in made.view.show_input.call_args_list if c.args[0].title == "camera"]
    assert sorted(set(shown)) == [1, 2, 3]
    assert "no more frames" in made.view.show_problem.call_args.args[0].sentence
    assert made.model.source == "files"
    assert made.last("input").title == "0.png"


def test_a_camera_frozen_before_its_first_frame_shows_it(setup):
    made = setup(layer="conv1", source="camera", frozen=False, camera=Frames(range(1, 100)))
    made.controller.do("toggle_frozen")
    made.threads.end_all()
    assert made.last("input").pixels[0, 0, 0] == 1


def test_playing_goes_on_after_the_frozen_picture(setup, monkeypatch):
    clock = [0.0]

    def wait(seconds):
        clock[0] += seconds

    monkeypatch.setattr("deepvis.controllers.frames.Player", partial(Player, clock=lambda: clock[0], wait=wait))
    made = setup(layer="conv1", source="playing")

    def titles():
        calls = [call.args[0] for call in made.view.show_input.call_args_list if call.args[0].pixels is not None]
        return [title for title, _ in groupby(call.title for call in calls)]

    while len(titles()) < 2:
        made.threads.end()
    made.controller.do("toggle_frozen")
    made.threads.end_all()  # pictures that were on their way through the net, and are not shown
    assert titles() == ["0.png", "1.png"]
    made.controller.do("toggle_frozen")
    while len(titles()) < 5:
        made.threads.end()
    assert titles() == ["0.png", "1.png", "2.png", "3.png", "0.png"]


def test_the_next_frame_waits_for_the_net_and_not_for_the_window(setup):
    made = setup(layer="conv1", source="camera", camera=Frames(range(100)))
    made.threads.end_on("camera")
    assert {"net", "camera"} <= {*made.threads.lanes}  # the first frame is in the net, the second one is being read
    made.threads.end_on("camera")
    assert made.threads.lanes.count("net") == 2  # the second one begins as soon as the net is free
    assert "camera" not in made.threads.lanes  # no more of them are read than are needed


@pytest.mark.parametrize("in_the_net", [1, 2])
def test_the_camera_goes_on_when_what_is_in_the_net_is_out_of_date(setup, in_the_net):
    made = setup(layer="conv1", source="camera", camera=Frames(range(1, 9)))
    for _ in range(in_the_net):
        made.threads.end_on("camera")
    assert made.threads.lanes.count("net") == in_the_net
    made.model.fit = "stretch"
    made.threads.end_all()
    assert "no more frames" in made.view.show_problem.call_args.args[0].sentence  # all of them were read
    shown = [c.args[0] for c in made.view.show_input.call_args_list if c.args[0].title == "camera"]
    assert max(content.pixels[0, 0, 0] for content in shown) == 8


def test_a_frozen_camera_keeps_its_frame(setup):
    made = setup(layer="conv1", source="camera", camera=Frames(range(100)))
    for _ in range(12):
        made.threads.end()
    frame = made.last("input").pixels[0, 0, 0]
    made.controller.do("toggle_frozen")
    made.threads.end_all()  # those on their way through the net too
    assert made.last("input").pixels[0, 0, 0] == frame > 0
    assert made.controller.idle
    assert made.last("input").detail == "frozen"
    made.controller.do("toggle_frozen")
    for _ in range(12):
        made.threads.end()
    assert made.last("input").pixels[0, 0, 0] > frame


def test_a_frozen_frame_goes_through_the_net_again_when_the_preprocessing_changes(setup):
    made = setup(layer="conv1", source="camera", camera=Frames(range(1, 100)))
    while made.controller.activations is None:
        made.threads.end()
    made.model.frozen = True
    made.threads.end_all()
    held = made.controller.activations.frame
    changed = Preprocessing("RGB", 0.5, mean=(1, 2, 3), crop=(9, 11))
    made.controller.set_preprocessing(changed)
    made.threads.end_all()
    assert made.controller.activations.frame.pixels is held.pixels
    np.testing.assert_array_equal(made.controller.activations.blob[0], changed.apply(held.pixels))
    made.model.fit = "stretch"
    made.threads.end_all()
    assert made.controller.activations.frame.pixels is held.pixels
    assert made.controller.activations.frame.fit == "stretch"
    made.model.frozen = False
    made.threads.end(), made.threads.end()
    assert made.controller.activations.frame.pixels is not held.pixels


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


def test_leaving_the_camera_lets_it_go(setup):
    camera = Frames(range(100))
    made = setup(layer="conv1", source="camera", camera=camera)
    for _ in range(5):
        made.threads.end()
    made.controller.do("toggle_camera")
    made.threads.end_all()
    assert camera.closed
    assert made.last("input").title == "0.png"


@pytest.fixture
def scanned(make_model, make_pictures, tmp_path):
    model = make_model()
    with_bar(scan(model, make_pictures(12, folder="scanned"), tmp_path / "scan.h5", device="cpu"), quiet=True)

    def open_facts(shown=model, multipliers=None, **how):
        return Facts(Scan(tmp_path / "scan.h5"), shown, multipliers, **how)

    return open_facts


def test_facts_of_a_unit(setup, scanned):
    made = setup(scanned(multipliers={"conv1": np.array([0, 0.25, 1, 0, 0])}), layer="conv1", unit=1)
    made.threads.end_all()
    facts = made.last("facts").facts
    assert (facts.layer, facts.unit, facts.multiplier, facts.images) == ("conv1", 1, 0.25, 12)
    assert len(facts.patches) == 9
    assert facts.patches[0].pixels.shape == (3, 3, 3)
    assert [patch.value for patch in facts.patches] == sorted((p.value for p in facts.patches), reverse=True)


@pytest.mark.parametrize("how", [{}, {"bins": 8, "quantile": 0.9}])
def test_h_is_what_entropy_measures(scanned, tmp_path, how):
    import entropy

    facts = scanned(**how)
    with pytest.warns(match="few"):
        table = entropy.measure(tmp_path / "scan.h5", ["conv1"], **how)
    measured = {int(index): h for index, h in zip(table.index, table.h, strict=True)}
    for unit in range(5):
        assert facts.unit("conv1", unit).bits == pytest.approx(measured[unit], abs=1e-9)
    ranks = [facts.unit("conv1", unit).rank for unit in range(5)]
    assert sorted(ranks) == [1, 2, 3, 4, 5]
    assert facts.unit("conv1", ranks.index(1)).bits == min(measured.values())
    facts.close()


def test_a_scan_of_other_weights_is_stale_and_says_why(setup, scanned, make_model):
    made = setup(scanned(make_model(seed=9)), layer="conv1")
    made.threads.end_all()
    assert "other weights" in made.last("facts").stale
    assert any("stale" in part for part in made.last("status").parts)


def test_layers_without_filters_say_so(setup, scanned):
    made = setup(scanned(), layer="pool1")
    made.threads.end_all()
    assert "pool1 (Pooling) has no filters" in made.last("facts").missing


def test_a_picture_gone_since_the_scan_is_a_sentence_in_the_pane(setup, scanned):
    facts = scanned()
    for image in range(12):
        facts.scan.image_path(image).unlink()
    made = setup(facts, layer="conv1")
    made.threads.end_all()
    content = made.last("facts")
    assert content.facts is None
    assert "cannot be read" in content.missing


def test_the_whole_picture_of_a_patch(setup, scanned):
    made = setup(scanned(), layer="conv1")
    made.threads.end_all()
    made.controller.ask_whole(2)
    made.threads.end_all()
    rank, whole = made.view.show_whole.call_args.args
    assert rank == 2
    ((y0, x0, y1, x1),) = whole.boxes
    assert 0 <= y0 < y1 <= whole.pixels.shape[0]
    assert 0 <= x0 < x1 <= whole.pixels.shape[1]


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
