"""The pictures of the documentation: all of them are there, small, and shown."""

import re
import sys
from pathlib import Path

import cv2
import pytest

from deepvis.state.viewer import OPTIONS

ROOT = Path(__file__).resolve().parents[2]
LARGEST = 150_000  # bytes


@pytest.fixture
def shots(monkeypatch):
    """The table of the script that draws them."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    sys.modules.pop("make_gallery", None)
    import make_gallery

    return tuple(make_gallery.SHOTS)


def shown(page):
    return re.findall(r"!\[[^\]]*\]\((pictures/[^)]*)\)", page)


def test_every_picture_of_the_gallery_is_there_and_small():
    pictures = shown((ROOT / "docs/gallery.md").read_text())
    assert len(pictures) == len(set(pictures)) > 12
    for name in pictures:
        file = ROOT / "docs" / name
        assert file.stat().st_size <= LARGEST, name
        assert cv2.imread(str(file)).std() > 3, f"{name} shows nothing"


def test_the_page_shows_what_the_script_draws(shots):
    page = (ROOT / "docs/gallery.md").read_text()
    for shot in shots:
        assert f"(pictures/{shot.name}.png)" in page
        assert shot.options in page


def test_every_way_to_show_a_layer_is_in_the_gallery(shots):
    options = " ".join(shot.options for shot in shots)
    for mode in set(OPTIONS["layer_mode"].choices) - {"activations"}:  # those are in the picture of the window
        assert f"--show '{mode}'" in options
