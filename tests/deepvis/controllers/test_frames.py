"""The camera and pictures that play: frames follow each other, are frozen, and go on."""

from functools import partial
from itertools import groupby

import numpy as np
import pytest

from deepvis.errors import ImageError
from deepvis.sources.camera import Camera
from deepvis.sources.player import Player
from prototxt.pixels.preprocess import Preprocessing


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


def test_leaving_the_camera_lets_it_go(setup):
    camera = Frames(range(100))
    made = setup(layer="conv1", source="camera", camera=camera)
    for _ in range(5):
        made.threads.end()
    made.controller.do("toggle_camera")
    made.threads.end_all()
    assert camera.closed
    assert made.last("input").title == "0.png"
