"""What of the net learns, and how fast, in the methods that stock Caffe can train."""

from dataclasses import replace

import numpy as np
import pytest

from entropy import plan
from finetune.errors import ExperimentError
from finetune.methods import METHODS
from finetune.methods.parts.filters import free_counts

CONVOLUTIONS = ("conv1", "conv2")
MASKS = sorted(name for name in METHODS if name.startswith("mask-"))
MATCHED = sorted(name for name in METHODS if name.startswith("layer-"))


def _rates(setting, name, **options):
    (stage,) = METHODS[name](setting, **options).stages
    return stage.rates


def _free(rates):
    return [name for name, rate in rates.items() if np.any(np.asarray(rate) > 0)]


def test_head_only_trains_the_head(setting):
    prepared = METHODS["head-only"](setting)
    assert _free(prepared.stages[0].rates) == ["fc8_new"]
    (head,) = [layer for layer in prepared.net.layer if layer.name == "fc8_new"]
    assert list(head.bottom) == ["fc7"]
    assert [spec.lr_mult for spec in head.param] == [10, 20]


def test_a_wide_head_reads_the_last_maps_and_the_old_features(setting):
    prepared = METHODS["wide-head"](setting)
    assert _free(prepared.stages[0].rates) == ["fc8_new"]
    assert prepared.weights["fc8_new"][0].shape == (3, 32 + 9)


def test_a_hidden_layer_on_the_last_maps_alone(setting):
    prepared = METHODS["hidden-head"](setting, units=5)
    assert _free(prepared.stages[0].rates) == ["fc8_new_hidden", "fc8_new"]
    assert [blob.shape for blob in prepared.weights["fc8_new_hidden"]] == [(5, 32), (5,)]
    assert prepared.weights["fc8_new"][0].shape == (3, 5)
    with pytest.raises(ExperimentError, match="needs at least one unit; got 0"):
        METHODS["hidden-head"](setting, units=0)


@pytest.mark.parametrize(("layers", "free"), [(0, []), (1, ["fc7"]), (2, ["fc6", "fc7"]), (3, ["conv2", "fc6", "fc7"])])
def test_last_layers(setting, layers, free):
    prepared = METHODS["last-layers"](setting, layers=layers)
    assert _free(prepared.stages[0].rates) == [*free, "fc8_new"]
    assert prepared.notes[-1] == f"{', '.join(free) or 'no layer'} of the source net learn"


def test_no_more_layers_than_there_are(setting):
    with pytest.raises(ExperimentError, match="last-layers: the net has 4 layers before its classifier; got 5"):
        METHODS["last-layers"](setting, layers=5)


def test_the_tenth(setting):
    assert _rates(setting, "fine-tuning-tenth") == {
        **dict.fromkeys(["conv1", "conv2", "fc6", "fc7"], 0.1),
        "fc8": 0,
        "fc8_new": 1,
    }


@pytest.mark.parametrize("number", range(1, 7))
def test_the_methods_of_the_thesis_are_its_plans(setting, table, number):
    rates = _rates(setting, f"m{number}")
    for name, expected in plan(table, number, hmax="layer").multipliers.items():
        np.testing.assert_array_equal(rates[name], expected)
    assert (rates["fc6"], rates["fc7"], rates["fc8"], rates["fc8_new"]) == (0, 0, 0, 1)


def test_options_of_the_thesis_methods(setting, table):
    asked = []
    setting = replace(setting, measure=lambda profile: asked.append(profile) or table)
    thesis = _rates(setting, "m5", profile="thesis", levels=None)
    assert asked == ["thesis"]
    expected = plan(table, 5, hmax="network", levels=None).multipliers
    assert all(np.array_equal(thesis[name], expected[name]) for name in CONVOLUTIONS)
    each = _rates(setting, "m1", scope="layer", fc="whole")
    assert free_counts({name: each[name] for name in CONVOLUTIONS}) == {"conv1": 2, "conv2": 3}  # 40 % of 6 and 8
    assert (each["fc6"], each["fc7"]) == (1, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"profile": "other"}, "no profile 'other'; use one of default, thesis"),
        ({"scope": "filter"}, "cannot hold for a 'filter'; use one of network, layer"),
        ({"head": "deep"}, "no head 'deep'; use one of fc7, wide"),
        ({"fc": "half"}, "fc cannot be 'half'; use one of frozen, whole, own"),
    ],
)
def test_unknown_options(setting, options, message):
    with pytest.raises(ExperimentError, match=message):
        METHODS["m2"](setting, **options)


@pytest.mark.parametrize("name", MASKS)
def test_masks_free_as_many_filters_as_m2(setting, name):
    free = [free_counts({each: _rates(setting, which)[each] for each in CONVOLUTIONS}) for which in (name, "m2")]
    assert sum(free[0].values()) == sum(free[1].values()) == 2  # 15 % of 14


@pytest.mark.parametrize("name", MATCHED)
def test_layer_matched_masks_free_as_many_in_every_layer(setting, name):
    free = [free_counts({each: _rates(setting, which)[each] for each in CONVOLUTIONS}) for which in (name, "m2")]
    assert free[0] == free[1]


def test_masks_take_the_lowest(setting, table):
    for name, scores in {"mean": table.mean / (table.high - table.low), "taylor": None, "mas": None}.items():
        if scores is None:
            raw = getattr(table, name)
            largest = [raw[table.layer == layer].max() for layer in table.layer]
            scores = raw / largest
        rates = _rates(setting, f"mask-{name}")
        free = np.concatenate([rates[layer] for layer in table.layers]) > 0
        assert scores[free].max() < scores[~free].min(), name


def test_random_masks_depend_on_the_seed_only(setting):
    drawn = {
        seed: np.concatenate([_rates(replace(setting, seed=seed), "mask-random")[name] for name in CONVOLUTIONS])
        for seed in range(4)
    }
    again = np.concatenate([_rates(replace(setting, seed=2), "mask-random")[name] for name in CONVOLUTIONS])
    np.testing.assert_array_equal(again, drawn[2])
    assert len({tuple(mask) for mask in drawn.values()}) > 1


def test_mean_rates(setting, table):
    plans = plan(table, 2).multipliers
    over_all = np.concatenate(list(plans.values())).mean()
    assert [_rates(setting, "fine-tuning-mean-rate")[name] for name in CONVOLUTIONS] == pytest.approx([over_all] * 2)
    of_layers = [_rates(setting, "fine-tuning-layer-mean-rate")[name] for name in CONVOLUTIONS]
    assert of_layers == pytest.approx([plans[name].mean() for name in CONVOLUTIONS])


def test_warm_up_trains_the_head_first(setting):
    first, second = METHODS["warm-up"](setting, share=0.3).stages
    assert (first.share, second.share) == (0.3, 0.7)
    assert _free(first.rates) == ["fc8_new"]
    assert _free(second.rates) == ["conv1", "conv2", "fc6", "fc7", "fc8_new"]
    with pytest.raises(ExperimentError, match=r"must lie in \[0, 1\); got 1"):
        METHODS["warm-up"](setting, share=1)


def test_notes_say_what_is_free(setting):
    assert METHODS["m2"](setting).notes[0].startswith("2 of 14 filters learn (")
    assert METHODS["layer-mean"](setting).notes[0].endswith("in conv1 … conv2), by mean activation")
