"""ImageData: batches of pictures from an image list."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np

from prototxt.common.errors import NetError
from prototxt.formats.schema import ImageDataParameter
from torchcaffe.data.batches import BatchLayer
from torchcaffe.data.image_list import Entry, read_image_list, read_picture
from torchcaffe.data.order import batched, endless_order
from torchcaffe.data.prefetch import Prefetch
from torchcaffe.data.transform import Draw, Transform
from torchcaffe.layer import Arity, Shape
from torchcaffe.registry import layer

Plan = list[tuple[Entry, Draw]]


class ImageBatches:
    """Endless batches (pictures, labels) of an image list.

    Parameters
    ----------
    param : ``image_data_param``.
    transform : crop, mirror, mean, scale.
    seed : of the order, of the number of pictures that are skipped, and of crops and mirrors.
    where : the layer and its place in the prototxt, for errors.
    depth : batches that are read ahead.

    Attributes
    ----------
    shapes : of the two tops, (N, C, H, W) and (N,); a later batch may have another H and W where nothing fixes them.

    Raises
    ------
    NetError : fields that contradict each other, or a crop or mean that does not fit the first picture.
    FormatError : the list or its first picture cannot be read.
    """

    def __init__(
        self, param: ImageDataParameter, transform: Transform, seed: int | None, where: str, depth: int = 4
    ) -> None:
        _check(param, where)
        self.where = where
        self._entries = read_image_list(Path(param.source), param.root_folder)
        self._size = (param.new_height, param.new_width) if param.new_height else None
        self._color = param.is_color
        self._transform = transform
        self._random = np.random.default_rng(seed)
        start = self._skip(param)
        shuffle = np.random.default_rng(self._random.integers(2**31)) if param.shuffle else None
        order = endless_order(len(self._entries), shuffle, start)
        first = read_picture(self._entries[start], self._size, self._color)
        self.shapes: list[Shape] = [(param.batch_size, *transform.output_shape(first.shape)), (param.batch_size,)]
        self._prefetch = Prefetch(self._plans(order, param.batch_size), self.load, depth)

    def next_batch(self) -> tuple[np.ndarray, np.ndarray]:
        """Pictures (N, C, H, W) float32 and labels (N,) float32.

        Raises
        ------
        FormatError : a picture cannot be read; names the list and the line.
        NetError : pictures of one batch differ in size, or a picture is too small for the crop.
        """
        return self._prefetch.next_batch()

    def skip(self, batches: int) -> None:
        """Pass over so many batches, before the first one is asked for."""
        self._prefetch.skip(batches)

    def close(self) -> None:
        """End the threads."""
        self._prefetch.close()

    def load(self, plan: Plan) -> tuple[np.ndarray, np.ndarray]:
        """Read the pictures of one batch; errors as `next_batch`."""
        batch: np.ndarray | None = None
        for index, (entry, draw) in enumerate(plan):
            pixels = self._transformed(entry, draw)
            if batch is None:
                batch = np.empty((len(plan), *pixels.shape), dtype=np.float32)
            elif pixels.shape != batch.shape[1:]:
                raise NetError(
                    f"{self.where}: {plan[0][0].path} and {entry.path} ({entry.where}) are of different size, "
                    f"{batch.shape[1:]} and {pixels.shape}, and lie in one batch; set crop_size, or new_height and "
                    "new_width"
                )
            batch[index] = pixels
        assert batch is not None  # batch_size is positive
        return batch, np.array([entry.label for entry, _ in plan], dtype=np.float32)

    def _transformed(self, entry: Entry, draw: Draw) -> np.ndarray:
        picture = read_picture(entry, self._size, self._color)
        try:
            return self._transform(picture, draw)
        except NetError as error:
            raise NetError(f"{error} (image {entry.path}, {entry.where})") from None

    def _plans(self, order: Iterator[int], size: int) -> Iterator[Plan]:
        for batch in batched(order, size):
            yield [(self._entries[index], self._transform.draw(self._random)) for index in batch]

    def _skip(self, param: ImageDataParameter) -> int:
        if not param.rand_skip:
            return 0
        skip = int(self._random.integers(param.rand_skip))
        if skip >= len(self._entries):
            raise NetError(
                f"{self.where}: rand_skip {param.rand_skip} is larger than the list of {len(self._entries)} images; "
                "make it smaller"
            )
        return skip


@layer("ImageData")
class ImageData(BatchLayer):
    """Pictures (N, C, H, W), blue, green, red, and their labels (N,)."""

    tops: ClassVar[Arity] = (2, 2)

    def open(self) -> ImageBatches:
        """Read the list and its first picture."""
        depth = self.param.data_param.prefetch
        return ImageBatches(self.param.image_data_param, self.transform(), self.data_seed, self.where, depth)


def _check(param: ImageDataParameter, where: str) -> None:
    if not param.source:
        raise NetError(f"{where}: image_data_param has no source; name a file with one 'path label' on every line")
    if not param.batch_size:
        raise NetError(f"{where}: batch_size must be positive; got 0")
    if bool(param.new_height) != bool(param.new_width):
        raise NetError(
            f"{where}: new_height and new_width must be given together; got {param.new_height} and {param.new_width}"
        )
