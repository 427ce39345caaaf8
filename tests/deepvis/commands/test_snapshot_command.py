"""Every field of the state is an option of ``deepvis snapshot``."""

from dataclasses import fields

import pytest
import tyro

from deepvis.commands.snapshot import ALIASES, StateOptions, wishes_of
from deepvis.commands.window import WindowOptions
from deepvis.errors import SettingsError
from deepvis.state.options import Origin
from deepvis.state.viewer import ViewerModel


def given(*words):
    return ViewerModel(**wishes_of(tyro.cli(tyro.conf.OmitArgPrefixes[StateOptions], args=words)))


def test_every_field_of_the_state_has_an_option():
    options = {option.name for option in fields(StateOptions)}
    elsewhere = {option.name for option in fields(WindowOptions)} & set(ViewerModel.model_fields)
    assert elsewhere == {"layer", "unit"}
    assert options | elsewhere == set(ViewerModel.model_fields)
    assert set(ALIASES) <= options


def test_every_field_says_what_it_is():
    assert [name for name, field in ViewerModel.model_fields.items() if not field.description] == []


EXAMPLES = {
    "layer_mode": ("weight histograms", "weight histograms"),
    "first_only": ("off", False),
    "picture": ("3", 3),
    "source": ("camera", "camera"),
    "fit": ("crop", "crop"),
    "pair_view": ("second", "second"),
    "frozen": ("on", True),
    "back_mode": ("guided", "guided"),
    "back_view": ("sum>0", "sum>0"),
    "origin": ("a:b:13", Origin(layer="a:b", unit=13)),
    "colormap": ("magma", "magma"),
    "gamma": ("0.5", 0.5),
    "fast_step": ("5", 5),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_is_typed_is_what_the_state_gets(name):
    text, value = EXAMPLES[name]
    assert getattr(given("--" + name.replace("_", "-"), text), name) == value


def test_several_options_and_short_names():
    model = given("--back", "deconv", "--view", "norm", "--show", "activations", "--panes", "histograms", "unit_images")
    assert (model.back_mode, model.back_view, model.panes) == ("deconv", "norm", ("histograms", "unit_images"))
    assert given() == ViewerModel()


@pytest.mark.parametrize("text", ["conv5", "conv5:x", "conv5:-1"])
def test_an_origin_that_is_none(text):
    with pytest.raises(SettingsError, match="must be layer:unit"):
        given("--origin", text)
