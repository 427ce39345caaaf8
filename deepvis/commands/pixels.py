"""Options that change how pictures become input blobs; shared by the commands that run a net."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from deepvis.commands.option_types import Place, Text
from deepvis.errors import SettingsError
from deepvis.pixels import text
from deepvis.pixels.mean_file import read_mean
from prototxt.pixels.change import Changes, OfPixels
from prototxt.pixels.field_types import ChannelOrder, PairRule
from prototxt.pixels.preprocess import Preprocessing


@dataclass(frozen=True)
class PixelOptions:
    """How pictures become input blobs, where it shall differ from what the model says."""

    preprocessing: Place = None
    """JSON of a whole preprocessing, as the window saves it, or a conversion.json, of which its own is taken."""
    statistics: Place = None
    """Mean and standard deviation from what `deepvis mean --out` wrote, in the model's channel order and scale."""
    mean: Text = None
    """One number per channel of the input, or one for all, after the raw scale: 104,117,123; or none."""
    mean_file: Place = None
    """Mean image for pixels 0-255 in the order of the input's channels, .binaryproto or .npy, as Caffe's mean_file; or
    a .npy with one number per channel."""
    std: Text = None
    """One number per channel of the input, or one for all, after the raw scale: 58.4,57.1,57.4; or none."""
    raw_scale: Annotated[str | None, tyro.conf.arg(metavar="X", help_behavior_hint="")] = None
    """Factor on the pixels 0-255: 1 for Caffe, 1/255 for nets trained in PyTorch."""
    channel_order: Annotated[ChannelOrder | None, tyro.conf.arg(help_behavior_hint="")] = None
    """Order of the input's channels; STORED for nets that take arrays (.npy, LMDBs of other numbers of channels)."""
    resize: Text = None
    """none, one number (length of the shorter side), or height,width."""
    crop: Text = None
    """height,width cut from the centre, or none."""
    pair: Annotated[PairRule | None, tyro.conf.arg(help_behavior_hint="")] = None
    """For siamese nets: the two pictures enter one behind the other along the channels, side by side, or apart."""

    def changes(self, channel_order: str) -> Changes:
        """Give what the options change; a `SettingsError` says which of them cannot be understood.

        Parameters
        ----------
        channel_order : of the input where no option names one.
        """
        if self.mean is not None and self.mean_file is not None:
            raise SettingsError("--mean and --mean-file are two means; give one of them")
        changes = Changes()
        if self.statistics is not None:
            changes |= _statistics(self.statistics, self.channel_order or channel_order)
        if self.mean_file is not None:
            changes["mean"] = OfPixels(read_mean(self.mean_file))
        for name, read in _TYPED.items():
            value = getattr(self, name)
            if value is not None:
                changes |= read(value)
        return changes


_TYPED: Mapping[str, Callable[[str], Changes]] = {
    "channel_order": lambda word: {"channel_order": word},
    "pair": lambda word: {"pair": word},
    "raw_scale": lambda typed: {"raw_scale": text.factor(typed, "--raw-scale")},
    "mean": lambda typed: {"mean": text.numbers(typed, "--mean")},
    "std": lambda typed: {"std": text.numbers(typed, "--std")},
    "resize": lambda typed: {"resize_to": text.resize_to(typed, "--resize")},
    "crop": lambda typed: {"crop": text.crop(typed, "--crop")},
}
"""What every option changes whose value is typed."""

AS_THE_MODEL_SAYS = PixelOptions()


def in_words(preprocessing: Preprocessing) -> str:
    """Say what a preprocessing does, in the words of the options."""
    means = "a mean image" if preprocessing.mean_image is not None else _joined(preprocessing.mean)
    return (
        f"channel order {preprocessing.channel_order}, raw scale {preprocessing.raw_scale:g}, mean {means}, std"
        f" {_joined(preprocessing.std)}, resize {_joined(preprocessing.resize_to)}, crop {_joined(preprocessing.crop)}"
        + (f", pair {preprocessing.pair}" if preprocessing.pair != "none" else "")
    )


def _statistics(file: Path, channel_order: str) -> Changes:
    """The mean and the standard deviation that a file has for pixels 0-1."""
    try:
        values = json.loads(file.read_text(encoding="utf-8"))[channel_order]
        mean, std = ([255 * value for value in values[key]] for key in ("mean", "std"))
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read ({error.strerror}); make it with: deepvis mean --out") from error
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"{file}: is not what `deepvis mean --out` writes; make it again") from error
    return {"mean": OfPixels(mean), "std": OfPixels(std)}


def _joined(values: Sequence[float]) -> str:
    return ",".join(f"{value:g}" for value in values) or "none"
