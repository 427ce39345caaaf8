"""Settings, options and the window change a preprocessing alike: the same values, the same preprocessing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tyro

from deepvis.commands.pixels import PixelOptions
from deepvis.model.model import Model
from deepvis.pixels.dataset_mean import dataset_mean
from deepvis.pixels.fields import FIELDS, edited
from deepvis.pixels.statistics import measured
from deepvis.session.model_of_settings import prepared
from deepvis.settings.settings import Settings, read_settings
from prototxt.common.errors import InputError
from prototxt.common.progress import with_bar
from prototxt.formats.blob import write_blob
from prototxt.formats.text import parse_net
from prototxt.pixels.preprocess import Preprocessing

Values = dict[str, Any]
Way = Callable[[Model, Values], Preprocessing]


def by_settings(model: Model, values: Values) -> Preprocessing:
    """Write values into a settings file."""
    Path("settings_local.py").write_text("".join(f"{name} = {value!r}\n" for name, value in values.items()))
    return prepared(model, read_settings()).preprocessing


def by_options(model: Model, values: Values) -> Preprocessing:
    """Write values as ``deepvis scan`` takes them."""
    arguments = []
    for name, value in values.items():
        option = {"resize_to": "resize", "mean": "mean-file" if isinstance(value, str) else "mean"}.get(name, name)
        arguments += [f"--{option.replace('_', '-')}", typed(value)]
    return prepared(model, Settings(), None, tyro.cli(PixelOptions, args=arguments).changes).preprocessing


def by_window(model: Model, values: Values, order: tuple[str, ...] = tuple(FIELDS)) -> Preprocessing:
    """Type values into the fields one after the other."""
    texts = {name.removesuffix("_to"): typed(value) for name, value in values.items()}
    mean = ""
    for field in order:
        if field in texts:
            mean = texts[field] if field == "mean" else mean
            model = model.prepared_by(edited(model, field, texts[field], mean))
    return model.preprocessing


def typed(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "none"
    return str(value)


WAYS: dict[str, Way] = {"settings": by_settings, "options": by_options, "window": by_window}
ALL = tuple(WAYS)
OWN = {"channel_order": "BGR", "crop": (9, 11), "mean": (3.0, 3.0, 3.0)}
IMAGE = np.random.default_rng(0).uniform(0, 255, (3, 10, 12)).astype(np.float32)


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("128.npy", np.full((3, 10, 12), 128, np.float32))
    np.save("image.npy", IMAGE)
    np.save("odd.npy", np.zeros((9, 11)))
    np.save("small.npy", IMAGE[:, :5])
    write_blob(Path("image.binaryproto"), IMAGE[None])
    np.save("channels.npy", np.float32([2, 4, 6]))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"raw_scale": 1 / 255, "mean": "128.npy"}, {"raw_scale": 1 / 255, "mean": (), "mean_image": 128 / 255}),
        ({"raw_scale": 0.5, "mean": "image.npy"}, {"raw_scale": 0.5, "mean": (), "mean_image": IMAGE / 2}),
        ({"mean": "image.binaryproto"}, {"mean": (), "mean_image": IMAGE}),
        ({"raw_scale": 0.5, "mean": "channels.npy"}, {"raw_scale": 0.5, "mean": (1, 2, 3)}),
        ({"raw_scale": 0.5, "mean": (7, 8, 9)}, {"raw_scale": 0.5, "mean": (7, 8, 9)}),
        ({"mean": 128}, {"mean": (128, 128, 128)}),
        ({"mean": (128,)}, {"mean": (128, 128, 128)}),
        ({"mean": ()}, {"mean": ()}),
        ({"std": 58}, {"std": (58, 58, 58)}),
        ({"std": (58,)}, {"std": (58, 58, 58)}),
        ({"std": (4, 5, 6)}, {"std": (4, 5, 6)}),
        ({"std": ()}, {}),
        ({"raw_scale": 1 / 255}, {"raw_scale": 1 / 255}),
        ({"channel_order": "RGB"}, {"channel_order": "RGB"}),
        ({"channel_order": "RGB", "std": (4, 5, 6)}, {"channel_order": "RGB", "std": (4, 5, 6)}),
        ({"channel_order": "STORED"}, {"channel_order": "STORED", "mean": ()}),
        ({"channel_order": "STORED", "std": 58}, {"channel_order": "STORED", "mean": (), "std": (58,)}),
        (
            {"channel_order": "STORED", "mean": "image.npy"},
            {"channel_order": "STORED", "mean": (), "mean_image": IMAGE},
        ),
        ({"resize_to": ()}, {}),
        ({"resize_to": (12,)}, {"resize": "shorter side", "resize_to": (12,)}),
        ({"resize_to": (10, 12)}, {"resize": "stretch", "resize_to": (10, 12)}),
    ],
)
def test_the_same_values_are_the_same_preprocessing(make_model, way, values, fields):
    fields = OWN | fields
    if isinstance(fields.get("mean_image"), float):
        fields["mean_image"] = np.full((3, 10, 12), 128, np.float32) * np.float32(1 / 255)
    changed = WAYS[way](make_model(), values)
    assert changed.hash == Preprocessing(**fields).hash


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"raw_scale": 1 / 255, "mean": 0.5, "std": 0.25}, {"raw_scale": 1 / 255, "mean": (0.5,), "std": (0.25,)}),
        ({"channel_order": "STORED"}, {"channel_order": "STORED", "mean": ()}),
        ({"mean": "grey.npy", "raw_scale": 0.5}, {"raw_scale": 0.5, "mean": (), "mean_image": IMAGE[:1] / 2}),
    ],
)
def test_of_a_grey_net_too(make_model, way, values, fields):
    np.save("grey.npy", IMAGE[:1])
    own = {"channel_order": "GRAY", "crop": (9, 11), "mean": (3.0,)}
    assert WAYS[way](make_model("GRAY"), values).hash == Preprocessing(**(own | fields)).hash


@pytest.mark.parametrize("order", [("raw_scale", "mean"), ("mean", "raw_scale")])
@pytest.mark.parametrize("mean", ["image.npy", "channels.npy"])
def test_in_the_window_a_mean_file_means_the_same_in_any_order(make_model, order, mean):
    values = {"raw_scale": 1 / 255, "mean": mean}
    assert by_window(make_model(), values, order) == by_options(make_model(), values)


def pair_model(pair: str = "none") -> Model:
    """A net of two pictures one behind the other along the channels."""
    text = 'layer { name: "d" type: "Input" top: "d" input_param { shape { dim: 1 dim: 6 dim: 9 dim: 11 } } }'
    net = parse_net(text + 'layer { name: "r" type: "ReLU" bottom: "d" top: "r" }', "pair.prototxt")
    return Model("pair", Path("pair.prototxt"), net, {}, Preprocessing("BGR", crop=(9, 11), pair=pair))


@pytest.mark.parametrize("way", ["settings", "options"])  # the window has no field of it
@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"pair": "channels"}, {}),
        ({"pair": "channels", "mean": 7}, {"mean": (7, 7, 7)}),
        ({"pair": "channels", "mean": (1, 2, 3, 4, 5, 6)}, {"mean": (1, 2, 3, 4, 5, 6)}),
    ],
)
def test_pairs(way, values, fields):
    expected = Preprocessing("BGR", crop=(9, 11), pair="channels", **fields)
    for model in (pair_model(), pair_model("channels")):
        assert WAYS[way](model, values) == expected


@pytest.mark.parametrize("way", ["options", "window"])  # the settings have no crop
@pytest.mark.parametrize("crop", [(9, 11), ()])
def test_crop(make_model, way, crop):
    assert WAYS[way](make_model(), {"resize_to": (9, 11), "crop": crop}).crop == crop


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"mean": (1, 2)}, "mean must have 3 numbers for BGR (or none); got [1.0, 2.0]"),
        ({"std": (1, 0, 1)}, "number 2 of std must be above 0; got 0.0"),
        ({"mean": "odd.npy"}, "odd.npy: has shape (9, 11); a mean must be (channels, height, width) or (channels,)"),
        ({"mean": "none.npy"}, "none.npy: cannot be read"),
        ({"mean": "small.npy"}, "the mean image is 5 x 12, smaller than the input 9 x 11"),
        ({"resize_to": (5,)}, "crop [9, 11] does not fit pictures resized (shorter side) to [5]"),
        ({"channel_order": "GRAY"}, "channel order GRAY makes 1 channels, the net takes 3"),
    ],
)
def test_what_is_wrong_is_the_same_sentence(make_model, way, values, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        WAYS[way](make_model(), values)


def test_options_go_before_settings_as_one_wish(make_model):
    """A mean file of the settings is scaled by the raw scale of the options."""
    settings = Settings(mean=Path("128.npy").absolute(), std=2.0)
    options = tyro.cli(PixelOptions, args=["--raw-scale", "1/255", "--std", "0.5"])
    changed = prepared(make_model(), settings, None, options.changes).preprocessing
    assert changed == by_window(make_model(), {"raw_scale": 1 / 255, "mean": "128.npy", "std": 0.5})


@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_statistics_of_a_file_are_those_that_the_window_computes(make_model, make_pictures, order):
    model, pictures = make_model(order), make_pictures(4)
    sums = with_bar(dataset_mean(pictures, model.preprocessing, workers=0), quiet=True)
    of_orders = {
        name: {"mean": [value / 255 for value in sums.mean(name)], "std": [value / 255 for value in sums.std(name)]}
        for name in ("RGB", "BGR")
    }
    Path("mean.json").write_text(json.dumps(of_orders))
    by_file = by_options(model, {"statistics": "mean.json", "raw_scale": 1 / 255})
    scaled = replace(model.preprocessing, raw_scale=1 / 255)
    found = with_bar(measured(scaled, pictures, workers=0), quiet=True).preprocessing
    np.testing.assert_allclose(by_file.mean, found.mean, rtol=1e-14)
    np.testing.assert_allclose(by_file.std, found.std, rtol=1e-14)
    assert replace(by_file, mean=found.mean, std=found.std) == found


class PairsOnly:
    """Images that are pairs; nothing else is asked of them."""

    are_pairs = True


@pytest.mark.parametrize("way", ["settings", "options"])
def test_pairs_are_guessed_whatever_else_is_said(way):
    guess = replace(pair_model(), preprocessing=Preprocessing("STORED"), assumed=True)
    settings = Settings(raw_scale=0.5) if way == "settings" else Settings()
    options = PixelOptions(raw_scale="0.5").changes if way == "options" else None
    changed = prepared(guess, settings, PairsOnly(), options)
    assert (changed.preprocessing.pair, changed.preprocessing.raw_scale) == ("channels", 0.5)
    said = prepared(guess, Settings(pair="inputs"), PairsOnly())
    assert said.preprocessing.pair == "inputs"


def test_what_changes_nothing_leaves_a_guess_a_guess(make_model):
    guess = replace(make_model(), assumed=True)
    assert prepared(guess, Settings(channel_order="BGR", mean=(3.0,))) is guess
    assert not prepared(guess, Settings(mean=4.0)).assumed
