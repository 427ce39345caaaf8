"""``deepvis synthesise``: pictures that are made to drive units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from deepvis.commands.option_types import Device, Number, Place, SettingsPlace, Switch, WeightsPlace
from deepvis.errors import SettingsError
from deepvis.model.model import pick_device
from deepvis.session.model_of_settings import opening_settings
from deepvis.settings.settings import override, read_settings
from deepvis.synthesis.ascent import POSITIONS, STARTS, Aim, Pixels, Position, Push
from deepvis.synthesis.folder import BATCH, kept_folder, synthesise_into
from deepvis.synthesis.presets import PRESETS
from prototxt.common.progress import with_bar
from prototxt.pixels.decode import read_image

Preset = Literal["fourier", "yosinski", "yosinski1", "yosinski2", "yosinski3", "yosinski4", "plain"]


def synthesise_command(
    model: Annotated[Path, tyro.conf.Positional],
    /,
    *,
    layers: tuple[str, ...],
    units: tuple[str, ...] = (":",),
    out: Place = None,
    preset: Preset = "fourier",
    steps: Number = None,
    position: str = "centre",
    start: str = "noise",
    seed: int = 0,
    count: int = 1,
    whole: Switch = False,
    batch: int = BATCH,
    weights: WeightsPlace = None,
    preprocessing: Place = None,
    device: Device = None,
    fresh: Switch = False,
    settings: SettingsPlace = None,
) -> None:
    """Make pictures that drive units, by gradient ascent on the input; what was stopped goes on when given again.

    Parameters
    ----------
    model
        folder of a conversion, conversion.json, prototxt, or a bundled model's folder.
    layers
        layers whose units are wanted.
    units
        units of each layer: 7, or 0:16 for 0 to 15; all if none is given.
    out
        folder for layer/unit_0007/opt_000_seed0.png and its .json; by default where the window finds it by itself.
    preset
        fourier; yosinski, and yosinski1 to yosinski4 as published for CaffeNet; plain: no prior at all.
    steps
        steps of each ascent; by default the preset's.
    position
        centre, max, mean, or y,x: what of a unit's map is pushed.
    start
        noise, mean, uniform, or a picture: where the ascent starts.
    seed
        of the first picture of each unit.
    count
        pictures of each unit, with one seed more each.
    whole
        write the whole input and not only what the pushed position sees.
    batch
        pictures that are made together.
    preprocessing
        JSON of a preprocessing, in place of the model's own.
    fresh
        make anew what is there already.
    """
    for name, number, least in (("count", count, 1), ("batch", batch, 1), ("seed", seed, 0), ("steps", steps, 0)):
        if number is not None and number < least:
            raise SettingsError(f"--{name} {number}: must be at least {least}")
    prior = PRESETS[preset] if steps is None else replace(PRESETS[preset], steps=steps)  # type: ignore[type-var]
    push = Push(prior, read_position(position), _read_start(start), whole)
    wishes = override(read_settings(settings), model=model, weights=weights, preprocessing=preprocessing, device=device)
    opened = with_bar(opening_settings(wishes))
    seeds = range(seed, seed + count)
    aims = {
        layer: [Aim(unit, own) for unit in read_units(units, opened.layer(layer).units) for own in seeds]
        for layer in layers
    }
    network = opened.network(pick_device(wishes.device))
    folder = out or kept_folder(opened)
    made = with_bar(synthesise_into(folder, opened, network, aims, push, preset, batch, fresh))
    wanted = sum(map(len, aims.values()))
    print(f"{folder}: {made} pictures made" + (f", {wanted - made} were there" if made < wanted else ""))


def read_units(texts: Sequence[str], units: int) -> list[int]:
    """Read ``7`` and half-open ``0:16``, as Python's slices, into units of a layer that has ``units``, ascending.

    Raises
    ------
    SettingsError : something else, or a unit that is not there.
    """
    found: set[int] = set()
    for text in texts:
        first, colon, end = text.partition(":")
        try:
            start = int(first) if first or not colon else 0
            stop = (int(end) if end else units) if colon else start + 1
        except ValueError:
            raise SettingsError(f"--units {text}: is no unit; write 7, or 0:16 for 0 to 15") from None
        if not 0 <= start < stop <= units:
            raise SettingsError(f"--units {text}: the layer has units 0 to {units - 1}; write 7, or 0:16 for 0 to 15")
        found.update(range(start, stop))
    return sorted(found)


def read_position(text: str) -> str | Position:
    """Read a key of `POSITIONS`, or ``y,x``; a `SettingsError` for anything else."""
    if text in POSITIONS:
        return text
    try:
        y, x = map(int, text.split(","))
    except ValueError:
        raise SettingsError(f"--position {text}: must be {', '.join(POSITIONS)}, or y,x such as 6,6") from None
    return y, x


def _read_start(text: str) -> str | Pixels:
    if text in STARTS:
        return text
    if not Path(text).is_file():
        raise SettingsError(f"--start {text}: must be {', '.join(STARTS)}, or a picture that exists")
    return read_image(text)
