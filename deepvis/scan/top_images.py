"""The K images that drive every unit most, merged batch by batch on the device."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

Locate = Callable[[Tensor, Tensor], Tensor]

EMPTY = torch.iinfo(torch.int64).min
IMAGE_MASK = 0xFFFFFFFF


def pack(values: Tensor, images: Tensor) -> Tensor:
    """Make one integer of value and image, so that the greater integer is the better entry.

    The greater value wins, of equal values the smaller image number: the order of entries is total, so what is kept
    depends neither on batches nor on their order.

    Parameters
    ----------
    values : float32, not NaN; -0 counts as 0.
    images : int64 in [0, 2^31), of a shape that ``values`` broadcasts with.

    Returns
    -------
    int64: the float's bits in an order-preserving form in the upper half, the mirrored image number in the lower.
    """
    bits = (values + 0.0).view(torch.int32)
    bits ^= (bits >> 31).bitwise_and_(0x7FFFFFFF)
    keys = bits.to(torch.int64)
    keys <<= 32
    keys |= IMAGE_MASK - images
    return keys


def pack_arrays(values: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Do `pack` with arrays."""
    return pack(torch.from_numpy(values.astype(np.float32, copy=False)), torch.from_numpy(images)).numpy()


def unpack(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give values (float32) and images (int32) of keys; empty ones have NaN and -1."""
    ordered = (keys >> 32).astype(np.int32)
    bits = np.where(ordered < 0, ordered ^ 0x7FFFFFFF, ordered).astype(np.int32)
    empty = keys == EMPTY
    values = np.where(empty, np.float32(np.nan), bits.view(np.float32))
    images = np.where(empty, -1, IMAGE_MASK - (keys & IMAGE_MASK))
    return values, images.astype(np.int32)


class TopImages:
    """For each of C units the K images with the greatest maxima, and where in the unit's map the maximum is.

    Parameters
    ----------
    units : C, over all layers that are scanned.
    top : K, at least 1.
    device : where the maps are.

    Attributes
    ----------
    keys : (C, K) int64, greatest first; see `pack`.
    positions : (C, K) int64 flat index into the unit's map.
    """

    def __init__(self, units: int, top: int, device: torch.device) -> None:
        self.keys = torch.full((units, top), EMPTY, dtype=torch.int64, device=device)
        self.positions = torch.zeros((units, top), dtype=torch.int64, device=device)

    def load(self, keys: np.ndarray, positions: np.ndarray) -> None:
        """Continue from what `keys` and `positions` were."""
        self.keys.copy_(torch.from_numpy(keys))
        self.positions.copy_(torch.from_numpy(positions))

    def update(self, maxima: Tensor, images: Tensor, locate: Locate) -> None:
        """Merge a batch.

        Parameters
        ----------
        maxima : (B, C) float32, not NaN: maximum of every unit's map.
        images : (B,) int64 numbers of the images, different and not far apart: a table from the least to the greatest
            is made.
        locate : gives the flat positions of the maxima of units (n,) on rows (n,) of the batch. It is asked only about
            entries that are kept, which soon are few; units come in ascending order.
        """
        bounds = pack(maxima.amax(0), images.amin())
        changed = (bounds > self.keys[:, -1]).nonzero()[:, 0]
        if not len(changed):
            return
        new = pack(maxima[:, changed].T.contiguous(), images)
        keys = greatest(torch.cat([self.keys[changed], new], 1), self.keys.shape[1])
        entered, rows = _find((IMAGE_MASK - (keys & IMAGE_MASK)).view(-1), images)
        old = torch.ones_like(keys)
        old.view(-1)[entered] = 0
        # What stays of the old entries are the best of them in their old order: the first one stays before the second.
        stayed = old.cumsum_(1).sub_(1).clamp_(min=0)
        positions = self.positions[changed].gather(1, stayed)
        positions.view(-1)[entered] = locate(changed[entered // keys.shape[1]], rows)
        self.keys[changed] = keys
        self.positions[changed] = positions


def _find(chosen: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
    """Say which of (n,) chosen images are in the batch, and on which row of the batch each of those is."""
    first, last = images.aminmax()
    row_of = images.new_full((int(last - first) + 1,), -1)
    row_of[images - first] = torch.arange(len(images), device=images.device)
    places = ((chosen >= first) & (chosen <= last)).nonzero()[:, 0]
    rows = row_of[chosen[places] - first]
    if len(row_of) > len(images):
        places, rows = places[rows >= 0], rows[rows >= 0]
    return places, rows


def renumber(keys: np.ndarray, offset: int) -> np.ndarray:
    """Give keys whose image numbers are greater by ``offset``; empty ones stay empty."""
    return np.where(keys == EMPTY, keys, keys - offset)


def strongest(keys: np.ndarray, positions: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
    """Give the ``top`` greatest of every row of (n, m) int64 keys, greatest first, and their (n, top) positions."""
    order = np.argsort(keys, axis=1, kind="stable")[:, : -top - 1 : -1]
    return np.take_along_axis(keys, order, 1), np.take_along_axis(positions, order, 1)


def greatest(keys: Tensor, top: int) -> Tensor:
    """Give the ``top`` greatest of every row of (n, m) int64 keys, greatest first.

    On a CPU NumPy's vectorised sort of whole rows takes a fifth of the time of ``torch.topk``.
    """
    if keys.device.type != "cpu":
        return keys.topk(top, dim=1).values
    return torch.from_numpy(np.sort(keys.numpy(), axis=1)[:, : -top - 1 : -1].copy())
