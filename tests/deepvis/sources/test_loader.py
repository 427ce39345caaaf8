"""Batches come in order, bounded ahead, and broken pictures come as errors."""

from __future__ import annotations

from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pytest

from deepvis.errors import ImageError
from deepvis.sources import Images
from deepvis.sources.loader import batches
from prototxt.common.errors import InputError


class Numbers(Images):
    """Pictures whose pixels are their number; picture 5 is broken."""

    asked: list[int]

    def read(self, index: int) -> np.ndarray:
        self.asked.append(index)
        if index == 5:
            raise ImageError("picture 5 is broken")
        return np.full((index + 1, 2, 3), index, np.uint8)


@pytest.fixture
def numbers() -> Numbers:
    images = Numbers(Path("folder"), tuple(f"{number}.png" for number in range(20)))
    object.__setattr__(images, "asked", [])
    return images


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("batch", [1, 6, 20, 50])
def test_order_and_errors(numbers: Numbers, workers: int, batch: int) -> None:
    loaded = list(batches(numbers, lambda rgb: rgb[:, :, 0].astype(np.float32), batch, workers))
    assert [len(part) for part in loaded] == [batch] * (20 // batch) + [20 % batch] * bool(20 % batch)
    items = [item for part in loaded for item in part]
    assert [item.index for item in items] == list(range(20))
    assert [item.index for item in items if item.error] == [5]
    assert [item.size for item in items if not item.error] == [(n + 1, 2) for n in range(20) if n != 5]
    assert all((item.blob == item.index).all() for item in items if item.blob is not None)


def test_no_more_than_three_batches_are_in_memory(numbers: Numbers) -> None:
    work = batches(numbers, lambda rgb: rgb, 2, 1)
    next(work)
    assert len(numbers.asked) <= 6
    work.close()
    assert max(numbers.asked) < 6


def test_the_next_batches_are_decoded_while_one_is_used(numbers: Numbers) -> None:
    work = batches(numbers, lambda rgb: rgb, 2, 1)
    next(work)
    patience = monotonic() + 60
    while len(numbers.asked) < 6:  # nobody asks for them
        assert monotonic() < patience
        sleep(0.001)
    work.close()


def test_what_the_preprocessing_refuses_names_the_picture(numbers: Numbers) -> None:
    def refuse(rgb: np.ndarray) -> np.ndarray:
        raise InputError("too small")

    (first,) = next(batches(numbers, refuse, 1, 0))
    assert str(first.error) == "folder/0.png: too small"


def test_faults_of_ours_are_raised(numbers: Numbers) -> None:
    def fault(rgb: np.ndarray) -> np.ndarray:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        next(batches(numbers, fault, 1, 2))
