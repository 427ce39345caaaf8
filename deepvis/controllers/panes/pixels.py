"""How pictures become the input of the net: the preprocessing field by field, and what the net is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from deepvis.controllers.panes.registry import pane
from deepvis.controllers.sources import Sources
from deepvis.engines.engine import Activations
from deepvis.model.model import Model
from deepvis.pixels.fields import orders_of, texts
from deepvis.state.resolve import DisplayState
from prototxt.pixels.preprocess import Preprocessing

_NAMES = {"RGB": ("red", "green", "blue"), "BGR": ("blue", "green", "red"), "GRAY": ("grey",)}


@dataclass(frozen=True)
class Channel:
    """The values of one channel of what the net is given: the least, the greatest, their mean and deviation."""

    name: str
    low: float
    high: float
    mean: float
    std: float


@dataclass(frozen=True)
class PixelsContent:
    """The preprocessing as it is.

    Parameters
    ----------
    preprocessing : the one that is used.
    orders : channel orders that the net's input allows.
    texts : of each of `deepvis.pixels.fields.FIELDS`.
    note : whose preprocessing it is, and whether the scan is stale by it.
    channels : of the input blob of the picture that is shown; empty where there is none.
    """

    preprocessing: Preprocessing
    orders: tuple[str, ...]
    texts: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    channels: tuple[Channel, ...] = ()


@pane("pixels", "From pixels to the input", follows=(), live=True)
def make_pixels(state: DisplayState, sources: Sources) -> Iterator[PixelsContent]:
    """Say what the preprocessing is and what it makes of the picture."""
    model, opened, found = sources.session.engine.model, sources.session.opened, sources.activations
    own = model.preprocessing
    yield PixelsContent(
        own,
        orders_of(opened),
        texts(own),
        _note(model, opened),
        () if found is None else channels_of(found, own.channel_order),
    )


def channels_of(found: Activations, order: str) -> tuple[Channel, ...]:
    """Statistics of every channel of an input blob of pictures; of any other blob those of the whole."""
    names = _NAMES.get(order, ())
    blob = found.blob[0]
    if blob.ndim != 3 or not names or len(blob) % len(names):
        return (_channel("all", blob),)
    return tuple(_channel(names[place % len(names)], channel) for place, channel in enumerate(blob))


def _channel(name: str, values: NDArray[np.float32]) -> Channel:
    exact = values.astype(np.float64)
    return Channel(name, float(values.min()), float(values.max()), float(exact.mean()), float(exact.std()))


def _note(model: Model, opened: Model) -> str:
    if model.preprocessing != opened.preprocessing:
        return "changed from what the model says"
    if opened.assumed:
        return "a guess: the model says nothing of its preprocessing"
    return "as the model says"
