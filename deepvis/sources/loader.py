"""Decoding and preprocessing in threads, beside the computing."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

from deepvis.errors import ImageError
from deepvis.sources import ImageSource
from deepvis.sources.names import below
from prototxt.common.errors import InputError
from prototxt.pixels.samples import size_of

ToBlob = Callable[[Any], Any]


@dataclass(frozen=True)
class Loaded:
    """One image: its ``index``, and what ``to_blob`` made and size (height, width; of a pair both), or its error."""

    index: int
    blob: Any = None
    size: tuple[int, ...] = (0, 0)
    error: ImageError | None = None


def load(images: ImageSource, index: int, to_blob: ToBlob) -> Loaded:
    """Decode a picture and make its input blob; that a picture cannot be used is returned, not raised."""
    try:
        sample = images.read(index)
        return Loaded(index, to_blob(sample), size_of(sample))
    except ImageError as error:
        return Loaded(index, error=error)
    except InputError as error:
        return Loaded(index, error=ImageError(f"{below(images.root, images.paths[index])}: {error}"))


def batches(
    images: ImageSource,
    to_blob: ToBlob,
    batch: int,
    workers: int | None = None,
    indices: Sequence[int] | None = None,
) -> Iterator[list[Loaded]]:
    """Give pictures in order, ``batch`` at a time, the next two batches being decoded meanwhile.

    OpenCV and NumPy let go of Python's lock while they work, so threads are enough and cost no start-up time.

    Parameters
    ----------
    to_blob : makes the input blob, float32, of what `ImageSource.read` gives; may raise an `InputError`.
    batch : pictures in a batch, at least 1; the last may have fewer.
    workers : threads; None for one per core; 0 decodes in the calling thread.
    indices : of the pictures; None for all of them.
    """
    indices = range(len(images)) if indices is None else indices
    if workers == 0:
        for start in range(0, len(indices), batch):
            yield [load(images, index, to_blob) for index in indices[start : start + batch]]
        return
    remaining = iter(indices)
    with ThreadPoolExecutor(workers or os.cpu_count(), thread_name_prefix="decode") as pool:

        def submit(count: int) -> list[Future[Loaded]]:
            return [pool.submit(load, images, index, to_blob) for index in islice(remaining, count)]

        waiting = deque(submit(batch) for _ in range(3))
        try:
            while waiting and (current := waiting.popleft()):
                yield [future.result() for future in current]
                waiting.append(submit(batch))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
