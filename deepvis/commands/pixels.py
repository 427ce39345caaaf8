"""Options that change how pictures become input blobs; shared by the commands that run a net."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import tyro

from deepvis.commands.option_types import Factor, Place, Text
from deepvis.errors import SettingsError
from deepvis.pixels.mean_file import read_mean_image
from deepvis.pixels.text import crop_rule, numbers, resize_rule
from prototxt.pixels.preprocess import Preprocessing

if TYPE_CHECKING:
    from deepvis.model.model import Model


@dataclass(frozen=True)
class PixelOptions:
    """How pictures become input blobs, where it shall differ from what the model says."""

    preprocessing: Place = None
    """JSON of a whole preprocessing, as the window saves it, or a conversion.json, of which its own is taken."""
    statistics: Place = None
    """Mean and standard deviation from what `deepvis mean --out` wrote, in the model's channel order and scale."""
    mean: Text = None
    """One number per channel of the input, after the raw scale: 104,117,123."""
    mean_file: Place = None
    """Mean image for pixels 0-255 in the order of the input's channels, .binaryproto or .npy, as Caffe's mean_file."""
    std: Text = None
    """One number per channel of the input, after the raw scale: 58.4,57.1,57.4."""
    raw_scale: Factor = None
    """Factor on the pixels 0-255: 1 for Caffe, 0.00392156862745098 for nets trained in PyTorch."""
    channel_order: Annotated[Literal["RGB", "BGR", "GRAY", "STORED"] | None, tyro.conf.arg(help_behavior_hint="")] = (
        None
    )
    """Order of the input's channels; STORED for nets that take arrays (.npy, LMDBs of other numbers of channels)."""
    resize: Text = None
    """none, one number (length of the shorter side), or height,width."""
    crop: Text = None
    """height,width cut from the centre, or none."""
    pair: Annotated[Literal["none", "channels", "width", "inputs"] | None, tyro.conf.arg(help_behavior_hint="")] = None
    """For siamese nets: the two pictures enter one behind the other along the channels, side by side, or apart."""

    def apply_to(self, model: Model) -> Model:
        """Give the model with its preprocessing changed; a `SettingsError` or `PreprocessingError` says what is off."""
        changes = self._changes(model.preprocessing)
        return model.with_preprocessing(**changes) if changes else model

    def _changes(self, current: Preprocessing) -> dict[str, Any]:
        plain = {name: getattr(self, name) for name in ("raw_scale", "channel_order", "pair")}
        changes: dict[str, Any] = {name: value for name, value in plain.items() if value is not None}
        if self.resize is not None:
            changes |= resize_rule(self.resize, "--resize")
        if self.crop is not None:
            changes |= crop_rule(self.crop, "--crop")
        if self.statistics is not None:
            scale = changes.get("raw_scale", current.raw_scale)
            changes |= _statistics(self.statistics, changes.get("channel_order", current.channel_order), scale)
        if self.mean is not None and self.mean_file is not None:
            raise SettingsError("--mean and --mean-file are two means; give one of them")
        if self.mean_file is not None:
            scale = changes.get("raw_scale", current.raw_scale)
            changes |= {"mean": (), "mean_image": read_mean_image(self.mean_file) * np.float32(scale)}
        if self.mean is not None:
            changes |= {"mean": numbers(self.mean, "--mean"), "mean_image": None}
        if self.std is not None:
            changes["std"] = numbers(self.std, "--std")
        return changes


AS_THE_MODEL_SAYS = PixelOptions()


def in_words(preprocessing: Preprocessing) -> str:
    """Say what a preprocessing does, in the words of the options."""
    means = "a mean image" if preprocessing.mean_image is not None else _joined(preprocessing.mean)
    return (
        f"channel order {preprocessing.channel_order}, raw scale {preprocessing.raw_scale:g}, mean {means}, std"
        f" {_joined(preprocessing.std)}, resize {_joined(preprocessing.resize_to)}, crop {_joined(preprocessing.crop)}"
        + (f", pair {preprocessing.pair}" if preprocessing.pair != "none" else "")
    )


def _statistics(file: Path, channel_order: str, raw_scale: float) -> dict[str, Any]:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))[channel_order]
        mean, std = ([255 * raw_scale * value for value in values[key]] for key in ("mean", "std"))
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read ({error.strerror}); make it with: deepvis mean --out") from error
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"{file}: is not what `deepvis mean --out` writes; make it again") from error
    return {"mean": tuple(mean), "std": tuple(std), "mean_image": None}


def _joined(values: Sequence[float]) -> str:
    return ",".join(f"{value:g}" for value in values) or "none"
