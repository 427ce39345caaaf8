"""What a pair is made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np


class Program(ABC):
    """A model that can be run.

    Attributes
    ----------
    title : what it is, for people.
    inputs : shape by name, batch first; empty where the program does not say.
    """

    title: str
    inputs: dict[str, tuple[int, ...]]

    @abstractmethod
    def values(self, feed: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What it computes on the way, in order: by place in the PyTorch model, or by name of the layer.

        Parameters
        ----------
        feed : arrays in the order of the program's inputs; the names are those of whoever has names.
        """

    @abstractmethod
    def outputs(self, feed: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """What it gives at last, in order."""
