"""A net whose filters can be silenced: their maps are 0 behind the activation, and everything else runs as ever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from deepvis.model.model import Model
from prototxt.net.graph import Value
from torchcaffe.layer import Layer
from torchcaffe.network import Function

Silent = Mapping[str, np.ndarray]
"""Layer to (units,) bool: true for the units that are silenced."""

UNIT_AXIS = 1
MOST_KEPT = 1 << 30


@dataclass(eq=False)
class SilencedNet:
    """A net, asked for its class scores while some of its units are silent.

    Parameters
    ----------
    model : the net with its weights.
    blobs : (N, C, H, W) float32, the preprocessed images.
    batch : images of one forward pass.
    most_kept : bytes; where `scores` silences one layer alone, the maps of the layer and of the branches beside it are
        kept if they are no larger, so that what lies below runs once.
    """

    model: Model
    blobs: np.ndarray
    batch: int = 50
    most_kept: int = MOST_KEPT
    _kept: dict[Value, np.ndarray] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._network = self.model.network()
        self._values = {name: layer.value for name, layer in self.model.unit_layers.items()}
        self._producers = {name: self.model.graph.producer(value) for name, value in self._values.items()}

    def scores(self, silent: Silent) -> np.ndarray:
        """Give the net's last output for every image.

        Parameters
        ----------
        silent : which units are silent; layers that it does not name have none.

        Returns
        -------
        (N, classes) float32.

        Raises
        ------
        KeyError : a layer without units.
        """
        silent = {name: mask for name, mask in silent.items() if mask.any()}
        values = {self._values[name]: mask for name, mask in silent.items()}
        if len(values) == 1 and self._keep(*values):
            ((value, mask),) = values.items()
            factors = _factors(mask).numpy().reshape(-1, *[1] * (self._kept[value].ndim - UNIT_AXIS - 1))
            return self._passes(self._kept, [self.model.output], factors={value: factors})[self.model.output]
        return self._run(silent)

    def _run(self, silent: Silent) -> np.ndarray:
        masks = {self._producers[name].name: _factors(mask) for name, mask in silent.items()}

        def masked(layer: Layer, *bottoms: Tensor) -> Tensor | tuple[Tensor, ...]:
            tops = layer(*bottoms)
            return _times(tops, masks[layer.name]) if layer.name in masks else tops

        overrides = dict.fromkeys({self._producers[name].type for name in silent}, masked)
        return self._passes({self.model.input: self.blobs}, [self.model.output], overrides)[self.model.output]

    def _keep(self, value: Value) -> bool:
        """Keep a value, and what else is read above it, for every image; False where that is too large."""
        if value in self._kept:
            return True
        wanted = [value, *self._beside(value)]
        size = sum(int(np.prod(self.model.shapes.values[each][1:])) for each in wanted)
        if value == self.model.output or 4 * size * len(self.blobs) > self.most_kept:
            return False
        self._kept = {}  # frees the memory of the layer before
        self._kept = self._passes({self.model.input: self.blobs}, wanted)
        return True

    def _beside(self, value: Value) -> list[Value]:
        """Values that what depends on a value reads, and that do not depend on it: those of other branches."""
        above = self.model.graph.descendants([value])
        made = {top for node in above for top in node.tops}
        read = dict.fromkeys(bottom for node in self.model.graph.layers if node in above for bottom in node.bottoms)
        return [each for each in read if each not in made and each != value]

    def _passes(
        self,
        given: Mapping[Value, np.ndarray],
        wanted: Sequence[Value],
        overrides: Mapping[str, Function] | None = None,
        factors: Mapping[Value, np.ndarray] | None = None,
    ) -> dict[Value, np.ndarray]:
        """Run the images in batches from the given values on; ``factors`` multiply some of these."""
        results: dict[Value, list[np.ndarray]] = {value: [] for value in wanted}
        with torch.inference_mode():
            for first in range(0, len(self.blobs), self.batch):
                parts = {value: array[first : first + self.batch] for value, array in given.items()}
                parts |= {value: parts[value] * factor for value, factor in (factors or {}).items()}
                values = self._network.run(parts, keep=wanted, overrides=overrides)  # type: ignore[arg-type]
                for value, found in results.items():
                    found.append(values[value].numpy())
        return {value: np.concatenate(found) for value, found in results.items()}


def _factors(mask: np.ndarray) -> Tensor:
    return torch.from_numpy(np.where(mask, np.float32(0), np.float32(1)))


def _times(tops: Tensor | tuple[Tensor, ...], factors: Tensor) -> Tensor | tuple[Tensor, ...]:
    """The one top of the layer that makes a unit's value, times a factor for every unit."""
    top = tops if isinstance(tops, Tensor) else tops[0]
    return top * factors.reshape(-1, *[1] * (top.ndim - UNIT_AXIS - 1))
