"""The window's engine that runs the net in real Caffe, in a process of its own; it gives what torchcaffe's gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from deepvis.engines.describe import Naming
from deepvis.engines.engine import BaseEngine
from deepvis.engines.pycaffe_net import apart
from deepvis.engines.pycaffe_process import PATIENCE
from deepvis.engines.pycaffe_runner import CaffeRunner
from deepvis.engines.trace import BaseTracer, Carry
from deepvis.errors import ModelError
from deepvis.model.feed import Shape
from deepvis.model.model import Model
from deepvis.state.options import BackMode
from prototxt.net.graph import Value

Array = NDArray[np.float32]


class PycaffeEngine(BaseEngine):
    """Real Caffe on the CPU.

    The process starts with the first request. When it has died, the next request starts it again, and `notice` says so.

    Parameters
    ----------
    python : the Python that has pycaffe; None for the one that ``make caffe`` installs.
    patience : seconds that an answer is waited for.
    """

    name = "caffe"

    def __init__(
        self, model: Model, python: Path | None = None, naming: Naming | None = None, patience: float = PATIENCE
    ) -> None:
        super().__init__(model, naming)
        net, self._names = apart(model.graph, model.feed.declared(1))
        self._runner = CaffeRunner(net, model.weights, python, patience)

    @property
    def device(self) -> torch.device:
        """See `BaseEngine.device`."""
        return torch.device("cpu")

    @property
    def network(self) -> CaffeRunner:
        """See `BaseEngine.network`."""
        return self._runner

    @property
    def title(self) -> str:
        """Such as ``real Caffe 1.0.0``."""
        return f"real Caffe {self._runner.version}".strip()

    def start(self) -> None:
        """Start the process and load the net; a `ModelError` says why it does not."""
        self._runner.start()

    def close(self) -> None:
        """End the process, from any thread; a request that waits for it fails."""
        self._runner.close()

    def notice(self) -> str:
        """That the process had died and was started again, once."""
        return self._runner.notice()

    def tracer(self, mode: BackMode) -> BaseTracer:
        """See `BaseEngine.tracer`."""
        return _Tracer(self, mode)

    def run(self, blob: Array, values: Sequence[Value]) -> dict[Value, torch.Tensor]:
        """See `BaseEngine.run`."""
        wanted = [self._names[value] for value in values]
        arrays = self._runner.ask({"do": "forward", "wanted": wanted}, self._inputs(blob))
        return {value: torch.from_numpy(arrays[self._names[value]]) for value in values}

    def carry_back(
        self, blob: Array, origin: Value, unit: int, mode: BackMode, targets: Sequence[Value]
    ) -> tuple[dict[Value, torch.Tensor], torch.Tensor]:
        """See `BaseEngine.carry_back`; the seed is the unit's own map."""
        output = self.run(blob, [origin])[origin]
        layout, seed = self.model.layout(origin), torch.zeros_like(output)
        layout.maps(seed)[:, unit] = layout.maps(output)[:, unit]
        return self.carry_seed_back(blob, origin, seed, mode, targets)

    def carry_seed_back(
        self, blob: Array, origin: Value, seed: torch.Tensor, mode: str, targets: Sequence[Value] = ()
    ) -> tuple[dict[Value, torch.Tensor], torch.Tensor]:
        """Carry any seed of the shape of ``origin`` back; gives what `back_propagate` gives."""
        inputs, feed = self._inputs(blob), self.model.feed
        wanted = [self._names[value] for value in dict.fromkeys((*targets, *feed.values))]
        request = {"do": "backward", "origin": self._names[origin], "mode": mode, "wanted": wanted}
        arrays = self._runner.ask(request, {**inputs, "seed": seed.numpy()})
        diffs = {value: torch.from_numpy(arrays[self._names[value]]) for value in (*targets, *feed.values)}
        leaf = torch.from_numpy(blob).requires_grad_()
        with torch.enable_grad():
            fed = feed.inputs(leaf)
        (at_input,) = torch.autograd.grad(
            [fed[value.blob] for value in feed.values], leaf, [diffs[value] for value in feed.values]
        )
        return {value: diffs[value] for value in targets}, at_input

    def shape(self, value: Value) -> Shape:
        """Shape of a value for one image, as Caffe has it."""
        self.start()
        return tuple(self._runner.shapes[self._names[value]])

    def _inputs(self, blob: Array) -> dict[str, Array]:
        return {str(key): tensor.numpy() for key, tensor in self.model.feed.inputs(torch.from_numpy(blob)).items()}


class _Tracer(BaseTracer):
    """Carries single maxima back in real Caffe, image by image."""

    def __init__(self, engine: PycaffeEngine, mode: BackMode) -> None:
        super().__init__(engine.model, (mode,))
        self._engine = engine

    def forward(self, blobs: Array, values: Sequence[Value], mode: str) -> tuple[dict[Value, Shape], Carry]:
        """See `BaseTracer.forward`; a batch of more than one image is refused."""
        if len(blobs) != 1:
            raise ModelError(f"real Caffe traces one image after the other here, got {len(blobs)}")

        def carry(value: Value, seed: torch.Tensor) -> Array:
            return self._engine.carry_seed_back(blobs, value, seed, mode)[1].numpy()

        return {value: self._engine.shape(value) for value in values}, carry
