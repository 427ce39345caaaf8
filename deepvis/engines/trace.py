"""Back-propagation from the maxima of many units: one forward pass per image, as few backward passes as possible."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepvis.engines.backprop import BACKPROP
from deepvis.engines.hits import Hit
from deepvis.model.feed import Layout, Shape
from deepvis.model.model import Model, pick_device
from deepvis.scan.patches import in_plane
from prototxt.net.graph import Value
from prototxt.pixels.geometry import Box
from torchcaffe.network import Network

Array = NDArray[np.float32]


Carry = Callable[[Value, Tensor], Array]
"""Takes a value and a seed of its shape; gives the gradient at the input, (B, …)."""


class BaseTracer(ABC):
    """Carries maxima back to the input.

    The seed is 1 at the position of the maximum and 0 elsewhere, as in the offline scripts of the older toolboxes
    (the window seeds with the unit's whole map instead).

    Parameters
    ----------
    model : the net and its weights.
    modes : keys of `deepvis.engines.backprop.BACKPROP`.
    """

    def __init__(self, model: Model, modes: Sequence[str]) -> None:
        self.model = model
        self.modes = tuple(modes)

    @abstractmethod
    def forward(self, blobs: Array, values: Sequence[Value], mode: str) -> tuple[dict[Value, Shape], Carry]:
        """Run the net on a batch of inputs; gives the shapes of values, and what carries seeds back from them."""

    def trace(self, blobs: Array, hits: Sequence[Sequence[Hit]]) -> Iterator[tuple[Hit, str, Array]]:
        """Trace all maxima on a batch of images; one forward pass for each mode.

        Parameters
        ----------
        blobs : (B, C, H, W) input blobs, or what else the net takes (`deepvis.model.feed.Feed.image_shape`).
        hits : for each image the maxima on it.

        Yields
        ------
        hit, mode, and the gradient of the maximum at the input, cut to what the unit saw (`cut_gradient`).
        """
        layers = dict.fromkeys(hit.layer for row in hits for hit in row)
        units = {layer: self.model.layer(layer) for layer in layers}
        values = {layer: own.value for layer, own in units.items()}
        for mode in self.modes:
            shapes, carry = self.forward(blobs, list(values.values()), mode)
            for layer, value in values.items():
                mine = [[hit for hit in row if hit.layer == layer] for row in hits]
                for together in rounds(mine):
                    gradient = carry(value, _seed(shapes[value], units[layer].layout, together))
                    for row, chosen in enumerate(together):
                        for hit in chosen:
                            yield hit, mode, self._cut(gradient[row], hit.box, units[layer].seen)

    def _cut(self, gradient: Array, box: Box, seen: Sequence[int]) -> Array:
        """Cut what a unit saw out of the gradient at the input of an image; those of a pair stand side by side."""
        pair = self.model.preprocessing.pair
        if pair == "inputs":
            return np.concatenate([cut_gradient(gradient[place], box) for place in seen], -1)
        if pair == "channels":
            return np.concatenate([cut_gradient(half, box) for half in np.split(gradient, 2)], -1)
        return cut_gradient(as_picture(gradient, box, self.model.feed.steps > 0), box)


class HitTracer(BaseTracer):
    """Carries maxima back in torchcaffe.

    Parameters
    ----------
    device : as in `deepvis.model.model.pick_device`.
    network : the model on that device, where there is one already.
    """

    def __init__(
        self, model: Model, modes: Sequence[str], device: str = "auto", network: Network | None = None
    ) -> None:
        super().__init__(model, modes)
        self.device = pick_device(device)
        self.network = network or model.network(self.device)

    def forward(self, blobs: Array, values: Sequence[Value], mode: str) -> tuple[dict[Value, Shape], Carry]:
        """See `BaseTracer.forward`."""
        leaf = torch.from_numpy(blobs).to(self.device).requires_grad_()
        with torch.enable_grad():
            outputs = self.network.run(self.model.feed.inputs(leaf), keep=values, overrides=BACKPROP[mode])

        def carry(value: Value, seed: Tensor) -> Array:
            (gradient,) = torch.autograd.grad(outputs[value], leaf, seed.to(self.device), retain_graph=True)
            return gradient.float().cpu().numpy()

        return {value: tuple(outputs[value].shape) for value in values}, carry


def rounds(hits: Sequence[Sequence[Hit]]) -> Iterator[list[list[Hit]]]:
    """Share out the maxima of one layer over backward passes.

    Maxima on different images never meet, nor do those on one image whose receptive fields do not overlap: the fields
    of everything between them and the input lie within theirs. So each pass takes as many as fit.

    Parameters
    ----------
    hits : for each image its maxima in one layer.

    Yields
    ------
    For each image those of this pass, without overlap; every maximum comes once.
    """
    packed = [_packed(row) for row in hits]
    for together in zip_longest(*packed, fillvalue=[]):
        yield list(together)


def as_picture(gradient: Array, box: Box, is_sequence: bool = False) -> Array:
    """Give the gradient at an input of any number of axes as (C, H, W).

    Signals (C, L) have height 1; of volumes, clips and sequences of pictures it is the slice or step in the middle of
    what the unit saw; sequences (T, C) become one channel of T rows.
    """
    if gradient.ndim == 4:
        axis, depth = (0 if is_sequence else 1), (box[0] + box[len(box) // 2] - 1) // 2 if len(box) > 4 else 0
        return np.take(gradient, min(max(depth, 0), gradient.shape[axis] - 1), axis)
    if gradient.ndim == 2:
        return gradient[None] if is_sequence else gradient[:, None]
    return gradient.reshape(-1, 1, 1) if gradient.ndim == 1 else gradient


def cut_gradient(gradient: Array, box: Box) -> Array:
    """Cut what a unit saw out of the gradient at the input, framed as `deepvis.scan.patches.cut_patch` frames pixels.

    Parameters
    ----------
    gradient : (C, H, W).
    box : half-open (y0, x0, y1, x1), or with a depth before; may reach beyond the input.

    Returns
    -------
    (C, h, w), a copy; zero where the box lies outside; an axis on which the box is at least as long as the input is
    given whole.
    """
    sizes, plane = gradient.shape[1:], in_plane(box)
    low, high = list(plane[:2]), list(plane[2:])
    for axis in (0, 1):
        if high[axis] - low[axis] >= sizes[axis]:
            low[axis], high[axis] = 0, sizes[axis]
    cut = np.zeros((len(gradient), high[0] - low[0], high[1] - low[1]), np.float32)
    (y0, x0), (y1, x1) = (np.clip(corner, 0, sizes) for corner in (low, high))
    cut[:, y0 - low[0] : y1 - low[0], x0 - low[1] : x1 - low[1]] = gradient[:, y0:y1, x0:x1]
    return cut


def _seed(shape: Shape, layout: Layout, together: Sequence[Sequence[Hit]]) -> Tensor:
    """1 at the places of some maxima of a value of ``shape``, else 0; ``together`` are those of each image."""
    seed = torch.zeros(shape)
    maps = layout.maps(seed)
    for row, hits in enumerate(together):
        for hit in hits:
            place = hit.position[len(hit.position) - (maps.ndim - 2) :]
            maps[(row, hit.unit, *place)] = 1
    return seed


def _packed(hits: Sequence[Hit]) -> list[list[Hit]]:
    """Put each hit into the first group in which its field meets no other."""
    groups: list[list[Hit]] = []
    for hit in hits:
        free = next((group for group in groups if not any(_overlap(hit.box, other.box) for other in group)), None)
        if free is None:
            groups.append([hit])
        else:
            free.append(hit)
    return groups


def _overlap(one: Box, other: Box) -> bool:
    """Whether two boxes meet in rows and columns; those of steps of a sequence always count as meeting in time."""
    (top, left, bottom, right), (y0, x0, y1, x1) = in_plane(one), in_plane(other)
    return top < y1 and y0 < bottom and left < x1 and x0 < right
