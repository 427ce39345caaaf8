"""The camera as a source of frames."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deepvis.errors import ImageError


class Camera:
    """A video device, opened by the first `read`, or a video file in its place.

    Parameters
    ----------
    device : number of the device, or path of a video file.
    mirrored : whether left and right are exchanged, as in a mirror.
    """

    def __init__(self, device: int | str = 0, mirrored: bool = True) -> None:
        self.device = device
        self.mirrored = mirrored
        self._capture: Any = None

    def read(self) -> NDArray[np.uint8]:
        """Wait for the next frame: (H, W, 3) RGB.

        Raises
        ------
        ImageError : if there is no such camera, or it gives no more frames.
        """
        if self._capture is None:
            self._capture = cv2.VideoCapture(self.device)
        if not self._capture.isOpened():
            self.close()
            raise ImageError(f"camera {self.device}: cannot be opened; connect one, or set `camera` in the settings")
        found, frame = self._capture.read()
        if not found:
            self.close()
            raise ImageError(f"camera {self.device}: gives no more frames; press c to try again")
        return np.ascontiguousarray(frame[:, ::-1, ::-1] if self.mirrored else frame[:, :, ::-1])

    def close(self) -> None:
        """Let the device go; the next `read` opens it again."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None
