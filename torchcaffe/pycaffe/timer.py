"""``caffe.Timer``: how long something took, on the device that nets compute on."""

from __future__ import annotations

import time

import torch

from torchcaffe.mode import current_device


class Timer:
    """A stop watch, as Caffe's (benchmark.cpp): reading it stops it, and it does not start twice."""

    def __init__(self) -> None:
        self._started = self._stopped = 0.0
        self._runs = False

    def start(self) -> None:
        """Begin to measure; nothing where it measures already."""
        if not self._runs:
            self._started, self._runs = _now(), True

    def stop(self) -> None:
        """End the measurement, when the device has done what it was given."""
        if self._runs:
            self._stopped, self._runs = _now(), False

    @property
    def ms(self) -> float:
        """Milliseconds of the last measurement; 0 before the first."""
        self.stop()
        return 1000 * (self._stopped - self._started)


def _now() -> float:
    device = current_device()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
