"""Passes through the net for one picture: what every layer answers, and what back-propagation brings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Self, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from deepvis.engines.backprop import back_propagate
from deepvis.engines.describe import Naming, describe, tile_shape
from deepvis.engines.fit import fitted
from deepvis.engines.trace import BaseTracer, HitTracer
from deepvis.model.model import Model
from deepvis.scan.patches import cut_patch, whole_input
from deepvis.state.net_info import NetInfo
from deepvis.state.options import BackMode, Fit, Origin, PairView
from prototxt.net.graph import Value
from prototxt.pixels.inputs import member_boxes
from prototxt.pixels.preprocess import Preprocessing
from prototxt.pixels.samples import Pair, Sample, size_of
from torchcaffe.network import Network

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture on its way through the net.

    Parameters
    ----------
    name : of the file, or ``camera``.
    pixels : (H, W, 3) uint8 RGB, as it was decoded; or what else the net takes (`prototxt.pixels.samples`).
    place : where it stands among the pictures, such as ``12/240``.
    scene : number of the choice that led to it; an answer for another scene is out of date.
    fit : how it is fitted into the net's input, see `deepvis.engines.fit.fitted`.
    label, class_name : its class, -1 where it is not known; and its name where it came with the pictures.
    picture : its number among the pictures, -1 for none of them.
    """

    name: str
    pixels: Sample
    place: str = ""
    scene: int = 0
    fit: Fit = "as trained"
    label: int = -1
    class_name: str = ""
    picture: int = -1

    @property
    def size_text(self) -> str:
        """Width and height, such as ``640×480``; of a pair those of both."""
        size = size_of(self.pixels)
        return " | ".join(f"{width}×{height}" for height, width in zip(size[::2], size[1::2], strict=True))


@dataclass(frozen=True, eq=False)
class Activations:
    """What every layer answers to a frame.

    Parameters
    ----------
    frame : the picture.
    seen : (h, w, 3) uint8 RGB, the part of the picture that the net saw, in the picture's own pixels.
    split : of a pair, the column of ``seen`` where the second picture begins; 0 for a single picture.
    blob : (1, …) what the net was given, (1, C, H, W) for a picture.
    maps : by value, (C, H, W) or (C,) float32.
    ranges : by value, the least and the greatest number in it.
    """

    frame: Frame
    seen: NDArray[np.uint8]
    blob: Array
    maps: dict[Value, Array]
    ranges: dict[Value, tuple[float, float]]
    split: int = 0

    def seen_of(self, view: PairView) -> NDArray[np.uint8]:
        """What the net saw, of a pair only what ``view`` says."""
        if not self.split or view == "both":
            return self.seen
        return self.seen[:, : self.split] if view == "first" else self.seen[:, self.split :]


@dataclass(frozen=True, eq=False)
class BackResult:
    """What back-propagation brought.

    Parameters
    ----------
    frame, origin, mode : what it is the answer to.
    gradient : (C, H, W) at the input.
    maps : by value, the gradients of the other layers that were asked for.
    """

    frame: Frame
    origin: Origin
    mode: BackMode
    gradient: Array
    maps: dict[Value, Array]

    def gradient_of(self, view: PairView) -> Array:
        """The gradient at the input, of a pair only the half that ``view`` says."""
        middle = self.gradient.shape[-1] // 2
        if not isinstance(self.frame.pixels, Pair) or view == "both":
            return self.gradient
        return self.gradient[..., :middle] if view == "first" else self.gradient[..., middle:]


class BaseEngine(ABC):
    """Runs a model for the window; every method may be called from any thread, one at a time.

    Parameters
    ----------
    model : the model.
    naming : how its layers are called, and which are left out.
    """

    def __init__(self, model: Model, naming: Naming | None = None) -> None:
        self.model = model
        self.naming = naming or Naming()
        self.net: NetInfo = describe(model, self.naming)
        self._fits = {fit: self._with_fit(fit) for fit in get_args(Fit)}

    def with_preprocessing(self, preprocessing: Preprocessing, assumed: bool = False) -> Self:
        """An engine on the same network to which pictures come in another way; both run one at a time.

        Parameters
        ----------
        assumed : whether that way is a guess.
        """
        engine = copy(self)
        engine.model = self.model.prepared_by(preprocessing, assumed)
        engine._fits = {fit: engine._with_fit(fit) for fit in get_args(Fit)}
        return engine

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where torchcaffe computes what this engine does not, such as synthesised pictures."""

    @property
    @abstractmethod
    def network(self) -> object:
        """What engines that `with_preprocessing` made share; it is let go when none of them is used any more."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Its name among `deepvis.engines.choices.choices`."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What runs the net, for the status line."""

    @abstractmethod
    def tracer(self, mode: BackMode) -> BaseTracer:
        """What carries single maxima of a scan back; it runs where `forward` does."""

    @abstractmethod
    def run(self, blob: Array, values: Sequence[Value]) -> dict[Value, torch.Tensor]:
        """Run the net on one image, (1, …), and give values in their own shapes, batch 1."""

    @abstractmethod
    def carry_back(
        self, blob: Array, origin: Value, unit: int, mode: BackMode, targets: Sequence[Value]
    ) -> tuple[dict[Value, torch.Tensor], torch.Tensor]:
        """Do `back_propagate` on one image, (1, …)."""

    def start(self) -> None:  # noqa: B027 - most have nothing to start
        """Make ready what `forward` would make ready; an `InputError` says why it cannot."""

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Let everything go, from any thread; what runs ends with an error."""

    def notice(self) -> str:
        """What happened that the user should know, once; empty for nothing."""
        return ""

    @property
    def red_channel(self) -> int:
        """Channel of the input blob that is red."""
        return 2 if self.model.preprocessing.channel_order == "BGR" else 0

    def forward(self, frame: Frame) -> Activations:
        """Run the net on a frame and keep what every layer of the list answers.

        Raises
        ------
        InputError : if the picture does not fit the preprocessing, or the net the input.
        """
        blob = self._fits[frame.fit].to_blob(frame.pixels)[None]
        values = list(dict.fromkeys(v for layer in self.net.layers for v in (layer.own_value, layer.value)))
        maps = {value: self._array(value, tensor) for value, tensor in self.run(blob, values).items()}
        ranges = {value: (float(array.min()), float(array.max())) for value, array in maps.items()}
        seen, split = self._seen(frame)
        return Activations(frame, seen, blob, maps, ranges, split)

    def read(self, activations: Activations, value: Value) -> Array:
        """What the net computes for a value, any that it has, in the shape of Caffe's blob for one image."""
        return self.run(activations.blob, [value])[value].float().cpu().numpy()

    def backward(self, activations: Activations, origin: Origin, mode: BackMode, targets: list[Value]) -> BackResult:
        """Carry a unit's map back to the input and to ``targets``; see `back_propagate`."""
        value = self.net.layer(origin.layer).value
        found, at_input = self.carry_back(activations.blob, value, origin.unit, mode, targets)
        maps = {target: self._array(target, array) for target, array in found.items()}
        return BackResult(activations.frame, origin, mode, self._picture(at_input), maps)

    def _with_fit(self, fit: Fit) -> Model:
        own = self.model.preprocessing
        changed = fitted(own, self.model.input_shape, fit)
        return self.model if changed is own else self.model.prepared_by(changed)

    def _seen(self, frame: Frame) -> tuple[NDArray[np.uint8], int]:
        """Cut what the net saw from the picture's own pixels; pairs stand side by side, the second from a column on."""
        preprocessing = self._fits[frame.fit].preprocessing
        whole = whole_input(size_of(frame.pixels), preprocessing)
        seen = np.ascontiguousarray(cut_patch(frame.pixels, whole, preprocessing))
        if not isinstance(frame.pixels, Pair):
            return seen, 0
        sizes = size_of(frame.pixels.first), size_of(frame.pixels.second)
        first, _ = member_boxes(whole, preprocessing, sizes)
        return seen, cut_patch(frame.pixels.first, first, preprocessing.member(0)).shape[1]

    def _array(self, value: Value, tensor: torch.Tensor) -> Array:
        """The only image of a batch as (C, H, W), or (C,) for a vector."""
        array = self.model.layout(value).maps(tensor)[0].float().cpu().numpy()
        return array.reshape(-1) if array.size == len(array) else array.reshape(tile_shape(array.shape))

    def _picture(self, gradient: torch.Tensor) -> Array:
        """The gradient at the input as (C, H, W); those of a pair stand side by side as the pictures do."""
        array = gradient[0].float().cpu().numpy()
        pair = self.model.preprocessing.pair
        if pair in ("inputs", "channels"):
            return np.concatenate(list(array) if pair == "inputs" else np.split(array, 2), -1)
        if self.model.feed.steps:  # time comes first: steps of numbers are rows, steps of pictures lie below each other
            array = array[None] if array.ndim < 3 else array.swapaxes(0, 1)
        return array.reshape(tile_shape(array.shape))


class Engine(BaseEngine):
    """torchcaffe, in this process.

    Parameters
    ----------
    device : where it runs.
    """

    def __init__(self, model: Model, device: str | torch.device = "cpu", naming: Naming | None = None) -> None:
        super().__init__(model, naming)
        self._device = torch.device(device)
        self._network = model.network(self._device)

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self._device

    @property
    def network(self) -> Network:
        """See `BaseEngine.network`."""
        return self._network

    @property
    def name(self) -> str:
        """Such as ``cpu`` and ``cuda:0``."""
        is_bare_cuda = self.device.type == "cuda" and self.device.index is None
        return f"cuda:{torch.cuda.current_device()}" if is_bare_cuda else str(self.device)

    @property
    def title(self) -> str:
        """Such as ``torchcaffe CPU``."""
        return f"torchcaffe {self.name.upper()}"

    def tracer(self, mode: BackMode) -> HitTracer:
        """See `BaseEngine.tracer`."""
        return HitTracer(self.model, (mode,), str(self.device), self._network)

    def run(self, blob: Array, values: Sequence[Value]) -> dict[Value, torch.Tensor]:
        """See `BaseEngine.run`."""
        with torch.inference_mode():
            return self._network.run(self.model.feed.inputs(torch.from_numpy(blob).to(self.device)), keep=values)

    def carry_back(
        self, blob: Array, origin: Value, unit: int, mode: BackMode, targets: Sequence[Value]
    ) -> tuple[dict[Value, torch.Tensor], torch.Tensor]:
        """See `BaseEngine.carry_back`."""
        return back_propagate(
            self._network,
            torch.from_numpy(blob).to(self.device),
            origin,
            unit,
            mode,
            targets,
            self.model.feed,
            self.model.layout(origin),
        )
