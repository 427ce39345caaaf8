"""Processor time and memory of a conversion, without verification: ``python benchmarks/bench_convert.py [NAME ...]``.

The promise (two cores): AlexNet (61 M weights) takes at most 4 s of processor time, VGG-16 (138 M) 8 s, and memory
grows by at most 2.5 times the weights after everything is imported.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path

import torch
import torchvision

from converters.converting import converting
from converters.describe import describe_model

LIMITS = {"alexnet": 4.0, "vgg16": 8.0}
MEMORY = 2.5


def resident() -> int:
    """Bytes of memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


class Peak(threading.Thread):
    """The most memory that the process holds while this runs."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.bytes = 0
        self._ended = threading.Event()

    def run(self) -> None:
        """Look again and again."""
        while not self._ended.wait(0.01):
            self.bytes = max(self.bytes, resident())

    def end(self) -> int:
        """Stop, and give the most that was held, in bytes."""
        self._ended.set()
        self.join()
        return self.bytes


def measure(name: str, folder: Path) -> tuple[float, float]:
    """Seconds of processor time, and growth of memory relative to the weights."""
    weights = folder / f"{name}.pth"
    if not weights.exists():
        torch.save(torchvision.models.get_model(name, weights=None).state_dict(), weights)
    start, before, peak = time.process_time(), resident(), Peak()
    peak.start()
    for _ in converting(describe_model(name, "", weights), name, folder / "out", engines=()):
        pass
    return time.process_time() - start, (peak.end() - before) / weights.stat().st_size


def main() -> None:
    """Measure one after the other, with random weights."""
    names = sys.argv[1:] or list(LIMITS)
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            seconds, growth = measure(name, Path(folder))
            allowed = f"at most {LIMITS[name]:.0f}" if name in LIMITS else "no limit"
            print(f"{name}: {seconds:.2f} s ({allowed}), memory grows by {growth:.2f} x the weights (at most {MEMORY})")


if __name__ == "__main__":
    main()
