"""Small inputs of Caffe's tools, and what is in their databases."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import lmdb
import numpy as np


def records(path: Path, backend: str = "lmdb") -> dict[bytes, bytes]:
    """All records of a database, in the order of their keys."""
    if backend == "leveldb":
        import plyvel

        with plyvel.DB(str(path)) as database:
            return dict(database)
    with lmdb.open(str(path), readonly=True, lock=False) as environment, environment.begin() as transaction:
        return dict(transaction.cursor())


@dataclass(frozen=True)
class Place:
    """A folder, and what tests put into it."""

    folder: Path

    def pictures(self, count: int, suffix: str = "png", size: tuple[int, int] = (6, 8)) -> None:
        """``pics/0.png`` … of random pixels, and ``list.txt`` with their numbers as labels."""
        rng = np.random.default_rng(0)
        (self.folder / "pics").mkdir(exist_ok=True)
        for number in range(count):
            pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
            cv2.imwrite(str(self.folder / f"pics/{number}.{suffix}"), pixels)
        lines = [f"{number}.{suffix} {number}\n" for number in range(count)]
        (self.folder / "list.txt").write_text("".join(lines))

    def mnist(self, images: np.ndarray, labels: list[int]) -> None:
        """``images`` and ``labels`` as MNIST has them."""
        head = np.array([2051, *images.shape], ">u4").tobytes()
        (self.folder / "images").write_bytes(head + images.tobytes())
        (self.folder / "labels").write_bytes(np.array([2049, len(labels)], ">u4").tobytes() + bytes(labels))

    def cifar(self, count: int) -> None:
        """``data_batch_1.bin`` … and ``test_batch.bin`` with ``count`` pictures each."""
        rng = np.random.default_rng(0)
        for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
            rows = rng.integers(0, 256, (count, 3073), dtype=np.uint8)
            rows[:, 0] %= 10
            (self.folder / f"{name}.bin").write_bytes(rows.tobytes())
