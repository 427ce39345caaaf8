"""Back-propagation from the maxima of many units: one forward pass per image, as few backward passes as possible."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

import numpy as np
import torch
from numpy.typing import NDArray

from deepvis.compute.backprop import BACKPROP
from deepvis.export.hits import Hit
from deepvis.model import Model, pick_device
from prototxt.preprocess import Box
from torchcaffe.network import Network

Array = NDArray[np.float32]


class HitTracer:
    """Carries maxima back to the input.

    The seed is 1 at the position of the maximum and 0 elsewhere, as in the offline scripts of the older toolboxes
    (the window seeds with the unit's whole map instead).

    Parameters
    ----------
    model : the net and its weights.
    modes : keys of `deepvis.compute.backprop.BACKPROP`.
    device : as in `deepvis.model.pick_device`.
    network : the model on that device, where there is one already.
    """

    def __init__(
        self, model: Model, modes: Sequence[str], device: str = "auto", network: Network | None = None
    ) -> None:
        self.model = model
        self.modes = tuple(modes)
        self.device = pick_device(device)
        self.network = network or model.network(self.device)

    def trace(self, blobs: Array, hits: Sequence[Sequence[Hit]]) -> Iterator[tuple[Hit, str, Array]]:
        """Trace all maxima on a batch of images; one forward pass for each mode.

        Parameters
        ----------
        blobs : (B, C, H, W) input blobs.
        hits : for each image the maxima on it.

        Yields
        ------
        hit, mode, and the gradient of the maximum at the input, cut to what the unit saw (`cut_gradient`).
        """
        layers = dict.fromkeys(hit.layer for row in hits for hit in row)
        values = {layer: self.model.layer(layer).value for layer in layers}
        for mode in self.modes:
            leaf = torch.from_numpy(blobs).to(self.device).requires_grad_()
            with torch.enable_grad():
                outputs = self.network.run(
                    {self.model.input.blob: leaf}, keep=list(values.values()), overrides=BACKPROP[mode]
                )
            for layer, value in values.items():
                mine = [[hit for hit in row if hit.layer == layer] for row in hits]
                for together in rounds(mine):
                    gradient = _gradient(outputs[value], leaf, together)
                    for row, chosen in enumerate(together):
                        for hit in chosen:
                            yield hit, mode, cut_gradient(gradient[row], hit.box)


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


def cut_gradient(gradient: Array, box: Box) -> Array:
    """Cut what a unit saw out of the gradient at the input, framed as `deepvis.scan.patches.cut_patch` frames pixels.

    Parameters
    ----------
    gradient : (C, H, W).
    box : half-open (y0, x0, y1, x1); may reach beyond the input.

    Returns
    -------
    (C, h, w), a copy; zero where the box lies outside; an axis on which the box is at least as long as the input is
    given whole.
    """
    sizes = gradient.shape[1:]
    low, high = list(box[:2]), list(box[2:])
    for axis in (0, 1):
        if high[axis] - low[axis] >= sizes[axis]:
            low[axis], high[axis] = 0, sizes[axis]
    cut = np.zeros((len(gradient), high[0] - low[0], high[1] - low[1]), np.float32)
    (y0, x0), (y1, x1) = (np.clip(corner, 0, sizes) for corner in (low, high))
    cut[:, y0 - low[0] : y1 - low[0], x0 - low[1] : x1 - low[1]] = gradient[:, y0:y1, x0:x1]
    return cut


def _gradient(output: torch.Tensor, leaf: torch.Tensor, together: Sequence[Sequence[Hit]]) -> Array:
    """(B, C, H, W) gradient at the input of the sum of some maxima."""
    seed = torch.zeros_like(output)
    shape = tuple(output.shape[2:])
    flat = seed.view(*output.shape[:2], -1)
    for row, hits in enumerate(together):
        for hit in hits:
            place = hit.position[len(hit.position) - len(shape) :]
            flat[row, hit.unit, int(np.ravel_multi_index(place, shape)) if shape else 0] = 1
    (gradient,) = torch.autograd.grad(output, leaf, seed, retain_graph=True)
    return gradient.float().cpu().numpy()


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
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
