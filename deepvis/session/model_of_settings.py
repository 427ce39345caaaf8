"""The model that settings name, with all that they say of its preprocessing."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace

from deepvis.model.assumed import SINGLE, of_pairs
from deepvis.model.files import Building
from deepvis.model.model import Model, opening
from deepvis.pixels.change import change_model
from deepvis.pixels.settings import settings_changes
from deepvis.settings.settings import Settings
from deepvis.sources import Images
from prototxt.common.progress import Progress
from prototxt.pixels.change import Changes


def opening_settings(settings: Settings) -> Generator[Progress, None, Model]:
    """Do `opening` with what the settings say, of the preprocessing too."""
    return prepared((yield from opening_unchanged(settings)), settings)


def opening_unchanged(settings: Settings) -> Generator[Progress, None, Model]:
    """Do `opening` with what the settings say; the preprocessing is the model's own, for `prepared`."""
    return opening(
        settings.model,
        settings.weights,
        settings.preprocessing,
        settings.classes,
        settings.cache,
        settings.pair,
        Building(settings.arch, settings.input_shape),
    )


def prepared(
    model: Model, settings: Settings, images: Images | None = None, options: Callable[[str], Changes] | None = None
) -> Model:
    """Give a model with all that is wished of its preprocessing.

    Parameters
    ----------
    model : with its own preprocessing.
    settings : whose wishes go before the model's own preprocessing.
    images : what it is for: pairs tell of a model of which nothing is known how they enter it (`for_pairs`).
    options : gives, for the channel order so far, what goes before the settings.

    Raises
    ------
    SettingsError, PreprocessingError, FormatError : if the wishes do not go together or with the net's input.
    """
    changes = settings_changes(settings)
    if images is not None and settings.pair is None:
        model = for_pairs(model, images)
    if options is not None:
        changes |= options(changes.get("channel_order", model.preprocessing.channel_order))
    return change_model(model, **changes)


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
