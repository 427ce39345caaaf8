"""What the older toolboxes got wrong in silence; every fault is a test that passes here.

The receptive fields, which arikpoz's toolbox over-estimates and Yosinski's has in a table, are in
``tests/prototxt/net/test_receptive_field.py`` (AlexNet's conv5: 163, not 178), measured by gradients too; that a batch
of back-propagated patches is what each patch gives alone is in ``tests/deepvis/export/test_visit.py``. Those of the
synthesis (5: the position that is pushed, what is cut, colours, scaled nets) are in
``tests/deepvis/synthesis/test_synthesis.py``.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from deepvis.controllers.present import grid_content
from deepvis.controllers.sources import LayerValues
from deepvis.engines.backprop import BACKPROP
from deepvis.engines.engine import Engine, Frame
from deepvis.export.arikpoz import NAMES
from deepvis.model.model import Model
from deepvis.scan.reader import Scan
from deepvis.scan.run import scan
from deepvis.settings.settings import Settings
from deepvis.sources import open_images
from deepvis.state.options import COLORMAPS, BackMode, Origin
from deepvis.state.resolve import resolve
from deepvis.state.viewer import ViewerModel
from prototxt.common.progress import with_bar
from prototxt.pixels.decode import read_image


@pytest.fixture
def scanned(make_model, make_pictures, tmp_path: Path):
    """The small net, five pictures, and a scan that keeps nine for each unit."""
    model, pictures = make_model(), make_pictures(5)
    with_bar(scan(model, pictures, tmp_path / "scan.h5", device="cpu", workers=0), quiet=True)
    with Scan(tmp_path / "scan.h5") as opened:
        yield model, pictures, opened


def maps(model: Model, pixels: np.ndarray, layer: str) -> np.ndarray:
    value = model.layer(layer).value
    blob = torch.from_numpy(model.to_blob(pixels))[None]
    return model.network().run({"data": blob}, keep=[value])[value][0].numpy()


def test_3_gradients_do_not_depend_on_what_was_seen_before(make_model) -> None:
    """The residual sum has two branches; Yosinski's zeroes only what comes after the start."""
    engine = Engine(make_model())
    picture = np.random.default_rng(0).integers(0, 8, (9, 11, 3), np.uint8)
    seen = engine.forward(Frame("a", picture))
    origin = Origin(
        layer="branch/left", unit=int(seen.maps[engine.net.layer("branch/left").value].max((1, 2)).argmax())
    )
    modes: tuple[BackMode, ...] = ("gradient", "deconv", "guided")
    alone = [engine.backward(seen, origin, mode, []).gradient for mode in modes]
    for other in ("sum", "100% right", "fc"):
        engine.backward(seen, Origin(layer=other, unit=0), "gradient", [])
    for mode, expected in zip(modes, alone, strict=True):
        assert expected.any()
        np.testing.assert_array_equal(engine.backward(seen, origin, mode, []).gradient, expected)


def test_4_the_least_is_the_minimum_and_not_the_smallest_maximum(scanned) -> None:
    model, pictures, opened = scanned
    before = model.layer("conv1").before
    for unit in range(5):
        least = []
        for number in range(len(pictures)):
            blob = torch.from_numpy(model.to_blob(pictures.read(number)))[None]
            least.append(float(model.network().run({"data": blob}, keep=[before])[before][0, unit].min()))
        bottom = opened.bottom("conv1", unit)
        assert bottom.values[0] == min(least)
        assert least[bottom.images[0]] == min(least)


def test_6_files_hold_what_their_names_say() -> None:
    """arikpoz's ``deconv_*.png`` hold guided back-propagation."""
    assert set(NAMES) == set(BACKPROP)
    assert NAMES["deconv"] == "deconv"
    assert NAMES["guided"] != "deconv"


def test_7_patches_are_pixels_of_the_picture(scanned) -> None:
    """Theirs are minus the mean, and stretched in contrast patch by patch."""
    _, pictures, opened = scanned
    for rank in range(3):
        top = opened.top("conv1", 0)
        y0, x0, y1, x1 = opened.box("conv1", 0, rank)
        patch = opened.patch("conv1", 0, rank, constant_size=False)
        np.testing.assert_array_equal(patch, read_image(pictures.path(int(top.images[rank])))[y0:y1, x0:x1])


def test_8_window_and_scan_see_the_same_blob(scanned) -> None:
    """Theirs crop and resize in two ways, so that probabilities differ."""
    model, pictures, opened = scanned
    engine = Engine(model)
    for layer in ("conv1", "fc"):
        top = opened.top(layer, 0)
        for image, value in zip(top.images, top.values, strict=True):
            shown = engine.forward(Frame("x", pictures.read(int(image)))).maps[engine.net.layer(layer).value][0]
            assert shown.max() == value


def test_9_pictures_have_an_order_and_a_scan_knows_them_by_name(scanned, tmp_path: Path) -> None:
    """Theirs number ``os.listdir``, so that one more file shifts all of them."""
    _, pictures, opened = scanned
    best = [opened.image_path(int(image)) for image in opened.top("conv1", 0).images]
    cv2.imwrite(str(pictures.root / "-first.png"), np.zeros((9, 11, 3), np.uint8))
    cv2.imwrite(str(pictures.root / "10.png"), np.zeros((9, 11, 3), np.uint8))
    assert [opened.image_path(int(image)) for image in opened.top("conv1", 0).images] == best
    for rank, path in enumerate(best):
        patch = opened.patch("conv1", 0, rank, constant_size=False)
        y0, x0, y1, x1 = opened.box("conv1", 0, rank)
        np.testing.assert_array_equal(patch, read_image(path)[y0:y1, x0:x1])
    names = open_images(pictures.root).paths
    assert names == (*(f"{number}.png" for number in range(5)), "10.png", "-first.png")


def test_10_fewer_pictures_than_places_give_fewer_patches(scanned) -> None:
    """Theirs fill up with the last picture of the folder."""
    _, pictures, opened = scanned
    for layer in opened.layers:
        for unit in range(opened.layers[layer].units):
            images = opened.top(layer, unit).images
            assert len(images) == len(set(images)) == len(pictures) < 9


def test_11_the_same_value_has_the_same_colour_in_every_picture(make_model) -> None:
    """Theirs stretch every frame; the map starts as a perceptual one, never jet."""
    net = Engine(make_model()).net
    state = resolve(ViewerModel(layer="conv1"), net)
    strong = np.zeros((5, 9, 11), np.float32)
    strong[0, 0, 0], strong[1, 2, 2] = 8, 2
    weak = strong.copy()
    weak[0, 0, 0] = 0
    drawn = [grid_content(state, LayerValues(values, (0.0, 8.0))) for values in (strong, weak)]
    assert drawn[0].scale == drawn[1].scale
    left, top, *_ = drawn[0].layout.box(1) if drawn[0].layout else (0, 0)
    tiles = [content.pixels[top : top + 9, left : left + 11] for content in drawn if content.pixels is not None]
    np.testing.assert_array_equal(*tiles)
    assert Settings().colormap in COLORMAPS
    assert "jet" not in COLORMAPS
