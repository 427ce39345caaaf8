"""Frames of videos, against decoding each file from its start with nothing but OpenCV."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from deepvis.errors import ImageError
from deepvis.sources import open_images
from deepvis.sources.names import frames_of
from deepvis.sources.opening import Cutting
from deepvis.sources.video import Video
from prototxt.pixels.samples import Clip

FRAMES = 150


def write(path: Path, count: int = FRAMES, codec: str = "MJPG") -> Path:
    """Write a video whose frames all differ."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), 25, (48, 32))
    assert writer.isOpened()
    texture = np.random.default_rng(0).integers(0, 256, (32, 48 + count, 3), dtype=np.uint8)
    for number in range(count):
        writer.write(np.ascontiguousarray(texture[:, number : number + 48]))
    writer.release()
    return path


def decoded(path: Path) -> list[np.ndarray]:
    """All frames in order, RGB."""
    capture, frames = cv2.VideoCapture(str(path)), []
    while (found := capture.read())[0]:
        frames.append(found[1][:, :, ::-1])
    return frames


@pytest.fixture(scope="module", params=["x.avi MJPG", "x.mp4 mp4v"])
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name, codec = request.param.split()
    return write(tmp_path_factory.mktemp("video") / name, codec=codec)


@pytest.mark.parametrize("order", ["forward", "backward", "random", "jumps"])
def test_a_frame_is_the_same_in_whatever_order_it_is_read(order: str, video: Path) -> None:
    expected = decoded(video)
    assert len(expected) == FRAMES
    numbers = list(range(FRAMES))
    if order == "backward":
        numbers = numbers[::-7]
    elif order == "random":
        random.Random(0).shuffle(numbers)
        numbers = numbers[:40]
    elif order == "jumps":
        numbers = [140, 3, 139, 0, 149, 149, 70, 5]
    reader = Video(str(video))
    for number in numbers:
        np.testing.assert_array_equal(reader.read(range(number, number + 1)), expected[number])
    reader.close()
    np.testing.assert_array_equal(reader.read(range(2, 3)), expected[2])


def test_many_threads(video: Path) -> None:
    expected, images = decoded(video), open_images(video)
    with ThreadPoolExecutor(4) as pool:
        for number, frame in enumerate(pool.map(images.read, range(FRAMES))):
            np.testing.assert_array_equal(frame, expected[number])


def test_a_seek_that_lands_elsewhere_is_not_believed(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers may tell of wrong frame numbers; here every seek goes three frames too far."""

    class Wrong:
        def __init__(self, file: str) -> None:
            self._inner = real(file)

        def set(self, what: int, value: float) -> bool:
            return self._inner.set(what, value + 3)

        def __getattr__(self, name: str) -> object:
            return getattr(self._inner, name)

    real, expected = cv2.VideoCapture, decoded(video)
    monkeypatch.setattr(cv2, "VideoCapture", Wrong)
    reader = Video(str(video))
    for number in (120, 5, 60, 119):
        np.testing.assert_array_equal(reader.read(range(number, number + 1)), expected[number])


def test_names_and_clips(video: Path, tmp_path: Path) -> None:
    expected, name = decoded(video), video.name
    found = open_images(video, cutting=Cutting(every=60))
    assert found.paths == (f"{name}#frame=0", f"{name}#frame=60", f"{name}#frame=120")
    np.testing.assert_array_equal(found.read(1), expected[60])
    assert found.rate(1) == 25
    clips = open_images(video, cutting=Cutting(frames=16))
    assert len(clips) == FRAMES // 16
    assert clips.paths[1] == f"{name}#frame=16-31"
    clip = clips.read(1)
    assert isinstance(clip, Clip)
    np.testing.assert_array_equal(clip.frames, expected[16:32])
    (tmp_path / "list.txt").write_text(f"{video} 4\n{video}#frame=7 5\n")
    listed = open_images(tmp_path / "list.txt", cutting=Cutting(every=100))
    assert listed.paths == (f"{video}#frame=0", f"{video}#frame=100", f"{video}#frame=7")
    assert listed.labels.tolist() == [4, 4, 5]
    np.testing.assert_array_equal(listed.read(2), expected[7])
    with pytest.raises(ImageError, match="has 150 frames, but an image of this net takes 200"):
        open_images(video, cutting=Cutting(frames=200))


def test_folders_of_videos(tmp_path: Path) -> None:
    for name, count in (("run/b.avi", 3), ("run/a.avi", 2), ("swim/c.avi", 2)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name, count)
    (tmp_path / "swim/broken.mp4").write_bytes(b"no video")
    found = open_images(tmp_path, class_folders=True)
    assert [path.replace("#frame=", " ") for path in found.paths] == [
        *("run/a.avi 0", "run/a.avi 1", "run/b.avi 0", "run/b.avi 1", "run/b.avi 2"),
        *("swim/broken.mp4 0", "swim/c.avi 0", "swim/c.avi 1"),
    ]
    assert found.labels.tolist() == [0] * 5 + [1] * 3
    with pytest.raises(ImageError, match=r"broken\.mp4: is no video that OpenCV can read"):
        found.read(5)
    with pytest.raises(ImageError, match=r"broken\.mp4: is no video that OpenCV can read"):
        open_images(tmp_path / "swim/broken.mp4")


def test_a_video_that_ends_early(tmp_path: Path) -> None:
    whole = write(tmp_path / "x.avi")
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    there = decoded(whole)
    assert 10 < len(there) < FRAMES
    reader = Video(str(whole))
    np.testing.assert_array_equal(reader.read(range(len(there) - 1, len(there))), there[-1])
    with pytest.raises(ImageError, match=rf"x\.avi#frame={len(there)}: the video ends after {len(there)} frames"):
        reader.read(range(len(there), len(there) + 1))
    np.testing.assert_array_equal(reader.read(range(4, 5)), there[4])


@pytest.mark.parametrize(
    ("value", "frames"), [("7", range(7, 8)), ("7-9", range(7, 10)), ("9-7", None), ("x", None), ("", None)]
)
def test_frames_in_names(value: str, frames: range | None) -> None:
    assert frames_of(value) == frames
