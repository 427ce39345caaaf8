"""A PyTorch model as a program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from converters.capture import evaluating
from converters.pairs.program import Program
from converters.signature import tensors


class PyTorchProgram(Program):
    """A module in evaluation mode.

    Parameters
    ----------
    title : what it is.
    model : the module.
    inputs : shape by name of the forward's parameter, where it is known.
    """

    def __init__(self, title: str, model: nn.Module, inputs: Mapping[str, tuple[int, ...]] | None = None) -> None:
        self.title = title
        self.inputs = dict(inputs or {})
        self._model = model

    def values(self, feed: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Results of the modules that give one tensor and are called once, by their places."""
        found: dict[str, list[np.ndarray]] = {}

        def keep(place: str) -> Callable[[nn.Module, Any, Any], None]:
            def hook(module: nn.Module, args: Any, result: Any) -> None:
                if isinstance(result, Tensor):
                    found.setdefault(place, []).append(result.detach().cpu().numpy().copy())

            return hook

        modules = {place: module for place, module in self._model.named_modules() if place}
        handles = [module.register_forward_hook(keep(place)) for place, module in modules.items()]
        try:
            self._call(feed)
        finally:
            for handle in handles:
                handle.remove()
        return {place: arrays[0] for place, arrays in found.items() if len(arrays) == 1}

    def outputs(self, feed: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """See `Program.outputs`."""
        return [result.detach().cpu().numpy() for result in tensors(self._call(feed))]

    @torch.no_grad()
    def _call(self, feed: Mapping[str, np.ndarray]) -> Any:
        with evaluating(self._model):
            return self._model(*(torch.from_numpy(array.copy()) for array in feed.values()))
