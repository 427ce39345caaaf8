import cv2
import numpy as np
import pytest

from deepvis.errors import ImageError
from deepvis.sources.camera import Camera
from prototxt.pixels.decode import quiet_opencv


@pytest.fixture
def video(tmp_path):
    """Five frames, red at the left and blue at the right, ever brighter."""
    file = tmp_path / "five.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"MJPG"), 25, (64, 48))
    for number in range(5):
        frame = np.zeros((48, 64, 3), np.uint8)
        frame[:, :32, 2] = frame[:, 32:, 0] = 50 + 40 * number
        writer.write(frame)
    writer.release()
    return str(file)


def test_frames_are_rgb_and_come_in_order(video):
    camera = Camera(video, mirrored=False)
    frames = [camera.read() for _ in range(5)]
    assert frames[0].shape == (48, 64, 3)
    np.testing.assert_allclose([frame[24, 10, 0] for frame in frames], [50, 90, 130, 170, 210], atol=8)
    np.testing.assert_allclose(frames[4][24, 54], [0, 0, 210], atol=12)
    with pytest.raises(ImageError, match="no more frames"):
        camera.read()
    camera.close()


def test_a_mirror_exchanges_left_and_right(video):
    camera = Camera(video, mirrored=True)
    np.testing.assert_allclose(camera.read()[24, 10], [0, 0, 50], atol=12)
    camera.close()


def test_after_closing_it_can_be_opened_again(video):
    camera = Camera(video, mirrored=False)
    first = camera.read()
    camera.read()
    camera.close()
    camera.close()
    np.testing.assert_array_equal(camera.read(), first)
    camera.close()


def test_a_camera_that_is_not_there_is_a_sentence():
    quiet_opencv()
    with pytest.raises(ImageError, match="camera 97: cannot be opened; connect one"):
        Camera(97).read()
