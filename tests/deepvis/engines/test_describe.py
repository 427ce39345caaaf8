"""The list of layers: names, titles, what is left out, which units are classes."""

from dataclasses import replace

import pytest

from deepvis.engines.describe import Naming, describe, naming_of
from deepvis.errors import SettingsError
from deepvis.settings.settings import Settings


def test_units_of_the_last_layers_are_the_classes(make_model):
    model = replace(make_model(), classes=("cat", "dog", "owl"))
    net = describe(model)
    assert net.labelled == {"fc8"}
    assert net.unit_names("fc8") == ("cat", "dog", "owl")
    assert net.unit_names("fc") == ()


def test_what_the_settings_say(make_model):
    settings = Settings(
        hidden_layers=("pool1",), layer_names={"branch/left": "left"}, label_layers=("conv1",), class_layer="fc"
    )
    net = describe(make_model(), naming_of(settings))
    assert net.index("pool1") == -1
    assert net.layer("branch/left").title == "left"
    assert net.layer("conv1").title == "conv1"
    assert (net.labelled, net.class_layer) == ({"conv1"}, "fc")


def test_functions_of_the_name(make_model):
    settings = Settings(hidden_layers=lambda name: name.startswith("fc"), layer_names=lambda name: name.upper())
    net = describe(make_model(), naming_of(settings))
    assert [layer.title for layer in net.layers] == [
        "DATA",
        "CONV1",
        "POOL1",
        "BRANCH/LEFT",
        "100% RIGHT",
        "SUM",
        "UP",
    ]


def test_the_input_is_never_left_out_and_a_class_layer_must_be_there(make_model):
    assert [layer.name for layer in describe(make_model(), Naming(hidden=lambda name: True)).layers] == ["data"]
    with pytest.raises(SettingsError, match="class_layer = 'prob' is no layer of the net; it has data, conv1"):
        describe(make_model(), Naming(class_layer="prob"))
