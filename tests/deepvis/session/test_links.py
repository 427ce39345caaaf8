from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepvis.engines.engine import Engine
from deepvis.errors import SettingsError
from deepvis.session.links import SETTINGS, STATE, Link, link_to, link_to_model, read_link, seen_again, settings_of
from deepvis.session.session import Session
from deepvis.settings.settings import Settings
from deepvis.state.options import Origin
from deepvis.state.viewer import OPTIONS, ViewerModel

NAMES = st.text(st.characters(exclude_categories=("Cs",)), min_size=1).filter(lambda name: name.strip() == name)
SEEN: dict[str, Any] = {name: option.choices[1] for name, option in OPTIONS.items() if option.choices} | {
    "first_only": False,
    "show_classes": False,
    "show_patches": False,
    "show_values": False,
    "origin": Origin(layer="conv5/a", unit=2),
    "level_low": 0.25,
    "level_high": 0.5,
    "unit_filter": "H < 2, free",
    "threshold": 1.5,
    "panes": ("histograms", "parity"),
    "blob": "conv1.blobs[0]",
    "blob_axes": (2, 0),
    "blob_at": (0, 3, 1),
}
"""A value that is not the default for every field that a link carries, and for some more."""


def test_every_field_of_the_state_comes_back() -> None:
    seen = {name: SEEN[name] for name in STATE}
    assert [name for name, value in seen.items() if value == ViewerModel.model_fields[name].default] == []
    model = ViewerModel(layer="conv1", unit=3, **seen)
    link = read_link(str(link_to(Settings(), model, ("conv1", 3), "a b.png", "ab" * 32, (-0.1, 1e-30))))
    assert ViewerModel(**link.wishes()) == ViewerModel(layer="conv1", unit=3, **seen)
    assert (link.picture, link.weights_hash, link.levels) == ("a b.png", "ab" * 8, (-0.1, 1e-30))


def test_what_cannot_be_seen_again_is_in_no_link() -> None:
    place, unseen = {"layer", "unit", "picture"}, {"frozen", "show_help", "fast_step"}
    assert set(ViewerModel.model_fields) - set(STATE) == place | unseen


def test_what_is_written_by_hand_is_enough() -> None:
    link = read_link(" deepvis://indoor39/conv5/37\n")
    assert (link.model, link.state) == ("indoor39", {"layer": "conv5", "unit": 37})
    assert link.wishes()["colormap"] == ViewerModel().colormap
    assert read_link("deepvis://indoor39").state == {}
    assert read_link("deepvis://%2Fa%20b%2Fnet.prototxt/x%2Fy/0").state["layer"] == "x/y"


def test_settings_of_the_session_come_back() -> None:
    given = {
        "weights": Path("/w/a.caffemodel"),
        "arch": "resnet18",
        "input_shape": (1, 3, 64, 64),
        "mean": (1.0, 2.5, 3.0),
        "std": 2.0,
        "raw_scale": 1 / 255,
        "channel_order": "BGR",
        "pair": "width",
        "resize_to": (256, 256),
        "images": Path("/p/ä & b"),
        "scan": Path("/s/scan.h5"),
        "plan": Path("/s/plan.json"),
        "classes": Path("/c.txt"),
        "preprocessing": Path("/p.json"),
        "unit_pictures": Path("/u"),
        "after": Path("/after.caffemodel"),
    }
    assert set(given) == set(SETTINGS)
    settings = Settings(**given)
    link = read_link(str(link_to_model(settings)))
    assert dict(link.settings) == given
    assert settings_of(link, Settings()) == settings
    assert not link.state


def test_names_of_settings_and_state_do_not_meet() -> None:
    assert not set(SETTINGS) & set(ViewerModel.model_fields)


@given(
    model=NAMES,
    layer=NAMES,
    unit=st.integers(0, 10**6),
    picture=st.text(st.characters(exclude_categories=("Cs",))),
    modes=st.tuples(*(st.sampled_from(OPTIONS[name].choices) for name in ("back_mode", "layer_mode", "overlay"))),
    gamma=st.floats(0.001, 1),
)
def test_any_name_and_value_survives(model, layer, unit, picture, modes, gamma) -> None:
    state = dict(zip(("back_mode", "layer_mode", "overlay"), modes, strict=True)) | {"gamma": gamma}
    link = Link(model, {}, {"layer": layer, "unit": unit, **state}, picture)
    assert read_link(str(link)) == link


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("http://x", "is no link; links look like deepvis://MODEL/LAYER/UNIT"),
        ("deepvis://", "must be deepvis://MODEL/LAYER/UNIT"),
        ("deepvis://a/b/c/d", "a slash within a name written as %2F"),
        ("deepvis://a/b/x", "unit = 'x' is not allowed: Input should be a valid integer"),
        ("deepvis://a/b/1?gama=2", "'gama' is not known; did you mean 'gamma'"),
        ("deepvis://a/b/1?gamma=2", "gamma = '2' is not allowed"),
        ("deepvis://a/b/1?levels=1", "levels = '1' is not allowed: they are two numbers"),
        ("deepvis://a/b/1?back_mode=up", "back_mode = 'up' is not allowed"),
    ],
)
def test_broken_links_are_sentences(text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        read_link(text)


def test_what_is_not_there_any_more_is_told(make_model, make_pictures) -> None:
    model = make_model()
    session = Session(Engine(model), make_pictures(3))
    wishes, problems = seen_again(Link("m", {}, {"layer": "fc", "unit": 2}, "2.png", model.hash[:16]), session)
    assert (wishes["picture"], problems) == (2, [])
    _, problems = seen_again(Link("m", {}, {"layer": "fc9"}, "9.png", "0000"), session)
    assert [sentence.split(",")[0] for sentence in problems] == [
        "the link shows picture '9.png'",
        "the link shows layer 'fc9'",
        "the link was made with other weights than 'small' has now",
    ]
    _, problems = seen_again(Link("m", {}, {"layer": "fc", "unit": 6}), session)
    assert problems == ["the link shows unit 6 of 'fc', which has 6"]
