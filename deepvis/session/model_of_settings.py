"""The model that settings name, with all that they say of its preprocessing."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from deepvis.model.assumed import SINGLE, of_pairs
from deepvis.model.files import Building
from deepvis.model.model import Model, opening
from deepvis.pixels.settings import preprocessing_changes
from deepvis.settings.settings import Settings
from deepvis.sources import Images
from prototxt.common.progress import Progress


def opening_settings(settings: Settings) -> Generator[Progress, None, Model]:
    """Do `opening` with what the settings say, of the preprocessing too."""
    model = yield from opening(
        settings.model,
        settings.weights,
        settings.preprocessing,
        settings.classes,
        settings.cache,
        settings.pair,
        Building(settings.arch, settings.input_shape),
    )
    changes = preprocessing_changes(settings, model.preprocessing)
    return model.with_preprocessing(**changes) if changes else model


def for_pairs(model: Model, source: Images) -> Model:
    """Guess how the pairs of a source enter a net of which nothing is known: by its channels.

    Two or six are two pictures one behind the other, one or three two pictures side by side. A model whose
    preprocessing is known stays as it is, and so does one that is given no pairs.
    """
    shape = model.input_shape
    if not model.assumed or model.preprocessing.pair != "none" or not source.are_pairs or len(shape) != 3:
        return model
    pair = next((pair for pair, single in SINGLE.items() if shape[0] in single), None)
    return model if pair is None else replace(model, preprocessing=of_pairs(shape, pair))
