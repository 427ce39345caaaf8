"""Pictures that are made to drive a unit: gradient ascent on the input, many units at once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepvis.errors import ModelError
from deepvis.model.model import Model, UnitLayer, into_activation
from deepvis.synthesis.canvas import Ascent, Canvas, Prior
from prototxt.common.progress import Progress
from torchcaffe.network import Network

Pixels = NDArray[np.uint8]
Position = tuple[int, int]

POSITIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "centre": lambda maps: maps[:, maps.shape[1] // 2, maps.shape[2] // 2],
    "max": lambda maps: maps.amax((1, 2)),
    "mean": lambda maps: maps.mean((1, 2)),
}
"""What of a unit's map is pushed, (N, h, w) → (N,): its middle, its greatest value, or all of it."""

STARTS = ("mean", "noise", "uniform")
"""Where an ascent starts, beside a picture: the net's mean, that with noise, or pixels of any value."""


@dataclass(frozen=True)
class Aim:
    """A picture to be made: of which unit, and from which seed."""

    unit: int
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Push:
    """How pictures are made.

    Parameters
    ----------
    prior : what is known of natural pictures, see `deepvis.synthesis.presets.PRESETS`.
    position : a key of `POSITIONS`, or (y, x) in the map; units without a map have one value.
    start : one of `STARTS`, or an (H, W, 3) uint8 picture, which goes through the model's preprocessing.
    whole : the whole input, and not only what the pushed position sees.
    """

    prior: Prior
    position: str | Position = "centre"
    start: str | Pixels = "noise"
    whole: bool = False


@dataclass(frozen=True, eq=False)
class Synthesised:
    """A picture that was made.

    Parameters
    ----------
    aim : what for.
    pixels : (h, w, 3) uint8 RGB.
    activation : the unit's value before its activation function on this very picture (with what surrounded it).
    start : that of the picture it started from.
    box : half-open (y0, x0, y1, x1) of it in the input.
    """

    aim: Aim
    pixels: Pixels
    activation: float
    start: float
    box: tuple[int, ...]


def synthesise(
    model: Model, network: Network, layer: str, aims: Sequence[Aim], push: Push
) -> Generator[Progress, None, list[Synthesised]]:
    """Make pictures for units of a layer, all in one batch; each is the best of its ascent.

    The units are pushed before their activation function, where a silent unit has a gradient too. What is random
    depends on the seed of an aim alone. The net's parameters must be frozen; it stops at the layer.

    Raises
    ------
    ModelError : the net takes no single pictures, or has no such layer, unit or position.
    """
    units = model.layer(layer)
    _check(model, units, aims, push)
    canvas = Canvas.of(model, layer, network.device)
    scorer = _Scorer(model, network, units, aims, push)
    first = _first_pixels(model, canvas, aims, push)
    ascent = push.prior.begin(first, canvas, tuple(aim.seed for aim in aims))
    best = _Best(first)
    for step in range(push.prior.steps):
        yield Progress(step, push.prior.steps, f"{layer}: steps")
        with torch.enable_grad():
            values = scorer.values(canvas.blob(ascent.view(step)))
            (gradient,) = torch.autograd.grad(values.sum(), ascent.leaf)
        best.offer(ascent, values.detach())
        ascent.update(gradient, values.detach(), step)
    return _finish(model, canvas, scorer, aims, push, first, _last(best, ascent, canvas, scorer, push.prior.steps))


class _Scorer:
    """The values of the units that a batch is made for, one unit for each picture."""

    def __init__(self, model: Model, network: Network, units: UnitLayer, aims: Sequence[Aim], push: Push) -> None:
        self._model, self._network, self._layout = model, network, units.layout
        self.value = into_activation(model, units)
        self._units = torch.tensor([aim.unit for aim in aims], device=network.device)
        self._push = push

    def maps(self, blobs: Tensor) -> Tensor:
        """(N, h, w) map of each picture's own unit; (N, 1, 1) of units without one."""
        found = self._network.run(self._model.feed.inputs(blobs), keep=[self.value])[self.value]
        maps = self._layout.maps(found)
        own = maps[torch.arange(len(maps), device=maps.device), self._units]
        return own if own.ndim == 3 else own.reshape(len(own), -1, 1)

    def values(self, blobs: Tensor) -> Tensor:
        """(N,) what is pushed."""
        return self.read(self.maps(blobs))

    def read(self, maps: Tensor) -> Tensor:
        """(N,) what is pushed of maps."""
        position = self._push.position
        if isinstance(position, str):
            return POSITIONS[position](maps)
        return maps[:, 0, 0] if maps.shape[1:] == (1, 1) else maps[:, position[0], position[1]]


class _Best:
    """The best picture of every ascent so far."""

    def __init__(self, pixels: Tensor) -> None:
        self.pixels = pixels.clone()
        self._values = torch.full((len(pixels),), -torch.inf, device=pixels.device)

    def offer(self, ascent: Ascent, values: Tensor) -> None:
        """Keep those that are better."""
        better = values > self._values
        if better.any():
            self._values = torch.where(better, values, self._values)
            self.pixels[better] = ascent.pixels()[better]


def _check(model: Model, units: UnitLayer, aims: Sequence[Aim], push: Push) -> None:
    for aim in aims:
        if not 0 <= aim.unit < units.units:
            raise ModelError(f"{model.path}: layer {units.name!r} has units 0 to {units.units - 1}, not {aim.unit}")
    shape, position = units.map_shape, push.position
    if isinstance(position, str):
        if position not in POSITIONS:
            raise ModelError(f"position {position!r} is none; allowed are {', '.join(POSITIONS)}, and y,x")
    elif shape and not all(0 <= place < side for place, side in zip(position, shape, strict=False)):
        sides = "x".join(str(side) for side in shape)
        raise ModelError(f"{model.path}: the maps of layer {units.name!r} are {sides}; there is no position {position}")


def _first_pixels(model: Model, canvas: Canvas, aims: Sequence[Aim], push: Push) -> Tensor:
    """(N, C, H, W) pixels 0-255 that the ascents start from."""
    mean = np.broadcast_to(canvas.mean.cpu().numpy(), canvas.shape)
    if not isinstance(push.start, str):
        blob = torch.from_numpy(model.to_blob(push.start)).to(canvas.mean.device)
        starts = [(blob / canvas.factor + canvas.mean).cpu().numpy()] * len(aims)
    elif push.start == "mean":
        starts = [mean] * len(aims)
    elif push.start in STARTS:
        randoms = [np.random.default_rng(aim.seed) for aim in aims]
        if push.start == "uniform":
            starts = [random.uniform(0, 255, canvas.shape) for random in randoms]
        else:
            starts = [mean + push.prior.noise(random, canvas.shape) for random in randoms]
    else:
        raise ModelError(f"start {push.start!r} is none; allowed are {', '.join(STARTS)}, and a picture")
    return torch.from_numpy(np.stack(starts).clip(0, 255).astype(np.float32)).to(canvas.mean.device)


def _last(best: _Best, ascent: Ascent, canvas: Canvas, scorer: _Scorer, steps: int) -> Tensor:
    """The best pictures, where the ones after the last step are counted too."""
    if steps:
        with torch.no_grad():
            best.offer(ascent, scorer.values(canvas.blob(ascent.pixels() - canvas.mean)))
    return best.pixels


def _finish(
    model: Model, canvas: Canvas, scorer: _Scorer, aims: Sequence[Aim], push: Push, first: Tensor, pixels: Tensor
) -> list[Synthesised]:
    """Round to whole pixels, measure on those, cut out what the unit sees."""
    with torch.no_grad():
        blobs = canvas.blob(pixels.round().clamp(0, 255) - canvas.mean)
        maps = scorer.maps(blobs)
        starts = scorer.values(canvas.blob(first.round().clamp(0, 255) - canvas.mean)).tolist()
    made = []
    for number, (aim, value) in enumerate(zip(aims, scorer.read(maps).tolist(), strict=True)):
        y0, x0, y1, x1 = box = _box(model, scorer, push, maps[number])
        picture = model.preprocessing.undo(blobs[number].cpu().numpy())
        made.append(Synthesised(aim, np.ascontiguousarray(picture[y0:y1, x0:x1]), value, starts[number], box))
    return made


def _box(model: Model, scorer: _Scorer, push: Push, maps: Tensor) -> tuple[int, ...]:
    """What the pushed position sees of the input."""
    whole = (0, 0, *model.input_shape[1:])
    field = model.fields.get(scorer.value)
    if push.whole or push.position == "mean" or field is None or len(model.shapes.values[scorer.value]) != 4:
        return whole
    height, width = maps.shape
    places = {"centre": (height // 2, width // 2), "max": divmod(int(maps.argmax()), width)}
    position = places[push.position] if isinstance(push.position, str) else push.position
    box = field.box(position, clip=True)
    return box if box[0] < box[2] and box[1] < box[3] else whole
