"""Playing: at a video's own speed, round and round, leaving out what comes too late and what cannot be read."""

import cv2
import numpy as np
import pytest

from deepvis.errors import ImageError
from deepvis.sources import open_images
from deepvis.sources.opening import Cutting
from deepvis.sources.player import PICTURE, Player


class Time:
    """A clock that goes on only where somebody waits, or works."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.now += seconds


@pytest.fixture
def video(tmp_path):
    """Twelve frames at ten a second; frame n is of one grey, 20 n."""
    file = str(tmp_path / "clip.avi")
    writer = cv2.VideoWriter(file, cv2.VideoWriter.fourcc(*"MJPG"), 10, (32, 24))
    for number in range(12):
        writer.write(np.full((24, 32, 3), 20 * number, np.uint8))
    writer.release()
    return file


def played(player, count, clock, work=0.0):
    """Numbers of the images, and when they came, in seconds since the first."""
    found = []
    for _ in range(count):
        index, _sample = player.read()
        found.append((index, round(clock.now - 100, 3)))
        clock.now += work
    return found


def test_a_video_plays_at_its_speed_and_from_the_end_to_the_start(video):
    clock = Time()
    player = Player(open_images(video), 9, clock, clock.wait)
    assert played(player, 5, clock) == [(9, 0), (10, 0.1), (11, 0.2), (0, 0.3), (1, 0.4)]


def test_the_frames_are_those_of_their_numbers(video):
    clock = Time()
    player = Player(open_images(video), 3, clock, clock.wait)
    for _ in range(12):
        index, sample = player.read()
        assert abs(float(sample.mean()) - 20 * index) < 3


def test_whoever_is_slow_misses_frames(video):
    clock = Time()
    player = Player(open_images(video), 0, clock, clock.wait)
    assert played(player, 4, clock, work=0.25) == [(0, 0), (2, 0.25), (5, 0.5), (7, 0.75)]


def test_after_a_pause_nothing_is_missed(video):
    clock = Time()
    player = Player(open_images(video), 0, clock, clock.wait)
    player.read()
    player.read()
    shown = clock.now
    clock.now += 60
    player.pause(1)  # only the first one was shown
    assert player.read()[0] == 1
    assert clock.now == shown + 60


def test_clips_last_as_long_as_their_frames(video):
    clock = Time()
    player = Player(open_images(video, cutting=Cutting(frames=4, every=2)), 0, clock, clock.wait)
    assert played(player, 6, clock) == [(0, 0), (1, 0.2), (2, 0.4), (3, 0.6), (4, 0.8), (0, 1.2)]


def test_pictures_come_one_a_second_and_broken_ones_are_left_out(make_pictures):
    pictures, clock = make_pictures(3), Time()
    pictures.path(1).write_text("no picture")
    player = Player(pictures, 0, clock, clock.wait)
    assert played(player, 3, clock) == [(0, 0), (2, PICTURE), (0, 2 * PICTURE)]
    for index in range(3):
        pictures.path(index).unlink()
    with pytest.raises(ImageError, match="cannot be read"):
        player.read()


def test_stop_lets_go_who_waits(make_pictures):
    player = Player(make_pictures(2))
    player.read()
    player.stop()
    assert player.read()[0] == 1
