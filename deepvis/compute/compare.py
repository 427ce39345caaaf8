"""A net before and after fine-tuning: how much every filter's weights and activity have changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepvis.compute.filters import unit_filters
from deepvis.engines.engine import Activations, BaseEngine, Engine, Frame
from deepvis.errors import ImageError, ModelError
from deepvis.model.model import Model
from deepvis.sources import Images
from prototxt.formats.weights import Weights, read_weights

Array = NDArray[np.float64]
PICTURES = 64  # that activity is compared on; more change the mean little and take longer


@dataclass(frozen=True, eq=False)
class Change:
    """What became of the filters of one layer.

    Parameters
    ----------
    layer : its name.
    weights : (C,) length of the change of each filter's weights over their length before; exactly 0 where no bit has
        changed, infinite where they were all 0.
    before, after : (C,) mean activation over the pictures seen so far; NaN where there is none to compare.
    """

    layer: str
    weights: Array
    before: Array
    after: Array


def relative_change(before: NDArray[np.floating], after: NDArray[np.floating]) -> Array:
    """‖after - before‖ / ‖before‖ of every row of two (C, …) arrays; 0 / 0 is 0."""
    first, second = (rows.reshape(len(rows), -1).astype(np.float64) for rows in (before, after))
    moved, length = np.linalg.norm(second - first, axis=1), np.linalg.norm(first, axis=1)
    return np.where(moved == 0, 0.0, np.divide(moved, length, out=np.full_like(moved, np.inf), where=length > 0))


class After:
    """The weights after fine-tuning.

    Parameters
    ----------
    path : of the caffemodel.
    weights : arrays of every layer.
    """

    def __init__(self, path: Path, weights: Weights) -> None:
        self.path = path
        self.weights = weights
        self._kept: Comparison | None = None

    @staticmethod
    def read(path: Path, model: Model) -> After:
        """Read a caffemodel of a net that was ``model`` once.

        Raises
        ------
        ModelError : if none of the model's layers with filters is in it in the same shape.
        FormatError : from the reader.
        """
        after = After(path, read_weights(path))
        if not after.same_layers(model):
            raise ModelError(
                f"{path}: holds no layer of {model.name} with filters of the same shape; give weights that it was "
                "fine-tuned to"
            )
        return after

    def beside(self, engine: BaseEngine) -> Comparison:
        """Compare with an engine's model; kept while it is that model. Both nets run in torchcaffe, for equal bits."""
        if self._kept is None or self._kept.before.model is not engine.model:
            same = engine if isinstance(engine, Engine) else Engine(engine.model, engine.device, engine.naming)
            self._kept = Comparison(same, self)
        return self._kept

    def same_layers(self, model: Model) -> tuple[str, ...]:
        """Layers with filters that are here in the same shape, in the order of the net."""
        return tuple(name for name in model.unit_layers if self._has(model, name))

    def model(self, before: Model) -> Model:
        """The net with these weights; layers that are not here in the same shape (another head) keep their own."""
        known = {name: self.weights[name] for name in before.weights if self._has(before, name)}
        return replace(before, weights={**before.weights, **known})

    def _has(self, model: Model, name: str) -> bool:
        mine, own = self.weights.get(name, []), model.weights.get(name, [])
        return bool(own) and [np.shape(array) for array in mine] == [np.shape(array) for array in own]


class Comparison:
    """Both nets side by side; to be used where the net runs, one call at a time.

    Parameters
    ----------
    before : runs the net as it was.
    after : its weights now.
    """

    def __init__(self, before: Engine, after: After) -> None:
        self.before = before
        self.after = Engine(after.model(before.model), before.device, before.naming)
        self.layers = after.same_layers(before.model)
        self.pictures: Images | None = None
        self.done = self.seen = self.wanted = 0
        self._newest: Activations | None = None
        self._sums: list[dict[str, Array]] = [{}, {}]
        self._weights = {
            name: relative_change(unit_filters(before.model, name), unit_filters(self.after.model, name))
            for name in self.layers
        }
        self._comparable = self._before_another_head(before.model)

    def maps(self, frame: Frame) -> Activations:
        """What the net answers to a frame now; the newest answer is kept."""
        if self._newest is None or self._newest.frame is not frame:
            self._newest = self.after.forward(frame)
        return self._newest

    def measuring(self, images: Images) -> Iterator[int]:
        """Go on with the mean activations of both nets, over at most `PICTURES` pictures that are evenly spread.

        Yields the number of pictures that are done, after each; those that cannot be read are left out. Begins anew
        with other pictures.
        """
        if self.pictures is not images:
            self.pictures = images
            self.done, self.seen, self._sums = 0, 0, [{}, {}]
        places = np.unique(np.linspace(0, len(images) - 1, min(PICTURES, len(images))).round().astype(int))
        self.wanted = len(places)
        for place in places[self.done :].tolist():
            self.done += 1
            with suppress(ImageError):  # the pane goes on without it; the window tells of it when it is looked at
                frame = Frame(str(images.paths[place]), images.read(place))
                for number, engine in enumerate((self.before, self.after)):
                    self._add(number, engine.forward(frame))
                self.seen += 1
            yield self.done

    def changes(self) -> tuple[Change, ...]:
        """What is known so far."""
        return tuple(
            Change(name, self._weights[name], *(self._mean(number, name) for number in range(2)))
            for name in self.layers
        )

    def _add(self, number: int, found: Activations) -> None:
        for name in self._comparable:
            maps = found.maps[self.before.net.layer(name).value]
            mean = maps.reshape(len(maps), -1).mean(1, dtype=np.float64)
            self._sums[number][name] = self._sums[number].get(name, np.zeros(len(mean))) + mean

    def _mean(self, number: int, name: str) -> Array:
        if name not in self._sums[number]:
            return np.full(len(self._weights[name]), np.nan)
        return self._sums[number][name] / self.seen

    def _before_another_head(self, model: Model) -> tuple[str, ...]:
        """Layers up to the first one that kept its old weights: what comes later answers to neither net."""
        known = []
        for name in model.unit_layers:
            if name not in self.layers:
                break
            if self.before.net.index(name) >= 0:
                known.append(name)
        return tuple(known)
