"""Every way to show a layer, on the small net and a scan of it."""

import cv2
import numpy as np
import pytest

from deepvis.compute.facts import Facts
from deepvis.compute.filters import unit_filters
from deepvis.controllers.layer_views.registry import LAYER_VIEWS
from deepvis.controllers.sources import Sources
from deepvis.engines.engine import Engine
from deepvis.export.unit_folders import open_unit_pictures
from deepvis.scan.reader import Scan
from deepvis.scan.run import scan
from deepvis.session.session import Session
from deepvis.state.resolve import resolve
from deepvis.state.viewer import OPTIONS, ViewerModel
from prototxt.common.progress import with_bar

SCANNED = ("maximal images", "activation histograms", "activation correlation")


@pytest.fixture
def sources(make_model, make_pictures, tmp_path):
    opened = []

    def make(scanned=True, folder=None):
        model, facts = make_model(), None
        if scanned:
            with_bar(scan(model, make_pictures(12), tmp_path / "scan.h5", device="cpu"), quiet=True)
            facts = Facts(Scan(tmp_path / "scan.h5"), model)
            opened.append(facts)
        return Sources(Session(Engine(model), facts=facts, unit_pictures=folder))

    yield make
    for facts in opened:
        facts.close()


def state_of(sources, **wishes):
    return resolve(ViewerModel(**{"layer": "conv1"} | wishes), sources.session.engine.net)


def last(sources, **wishes):
    state = state_of(sources, **wishes)
    *_, content = LAYER_VIEWS[state.layer_mode].make(state, sources)
    return content


def tile(content, unit):
    left, top, width, height = content.layout.box(unit)
    return content.pixels[top : top + height, left : left + width]


@pytest.mark.parametrize("mode", [mode for mode in OPTIONS["layer_mode"].choices if mode != "activations"])
def test_a_layer_without_filters_or_sources_says_what_is_missing(sources, mode):
    bare = sources(scanned=False)
    content = last(bare, layer="pool1", layer_mode=mode)
    assert content.pixels is None
    assert content.missing


@pytest.mark.parametrize("mode", SCANNED)
def test_what_needs_a_scan_says_how_to_make_one(sources, mode):
    assert "deepvis scan" in last(sources(scanned=False), layer_mode=mode).missing


def test_maximal_images_are_the_patches_of_the_scan(sources):
    made = sources()
    content = last(made, layer_mode="maximal images")
    facts = made.session.facts
    for unit in range(5):
        patch = facts.read(lambda scan, unit=unit: scan.patch("conv1", unit, 0))
        assert tile(content, unit).shape == (120, 120, 4)
        expected = cv2.resize(patch, (120, 120), interpolation=cv2.INTER_NEAREST)
        np.testing.assert_array_equal(tile(content, unit)[..., :3], expected)


def test_all_maximal_images_stand_in_three_rows(sources):
    made = sources()
    content = last(made, layer_mode="maximal images", first_only=False)
    patch = made.session.facts.read(lambda scan: scan.patch("conv1", 3, 5))
    expected = cv2.resize(patch, (39, 39), interpolation=cv2.INTER_NEAREST)
    np.testing.assert_array_equal(tile(content, 3)[40:79, 80:119, :3], expected)


def test_pictures_of_an_older_toolbox(sources, tmp_path):
    for unit in (0, 4):
        place = tmp_path / "old" / "conv1" / f"unit_{unit:04d}"
        place.mkdir(parents=True)
        for kind, value in (("maxim_000", 50), ("opt_000_seed0", 90)):
            cv2.imwrite(str(place / f"{kind}.png"), np.full((6, 6, 3), value + unit, np.uint8))
    made = sources(scanned=False, folder=open_unit_pictures(tmp_path / "old"))
    for mode, value in (("maximal images", 50), ("synthesised images", 90)):
        content = last(made, layer_mode=mode)
        assert (tile(content, 0)[..., :3] == value).all()
        assert (tile(content, 4)[..., :3] == value + 4).all()
        assert (tile(content, 1) == content.pixels[-1, -1]).all()
        assert "old" in content.note


def test_of_a_montage_of_yosinskis_the_lower_left_is_the_single_picture(sources, tmp_path):
    place = tmp_path / "jpgs" / "regularized_opt" / "conv1"
    place.mkdir(parents=True)
    montage = np.zeros((20, 20, 3), np.uint8)
    montage[10:, :10] = 200
    cv2.imwrite(str(place / "conv1_0002_montage.png"), montage)
    made = sources(scanned=False, folder=open_unit_pictures(tmp_path / "jpgs"))
    assert (tile(last(made, layer_mode="synthesised images"), 2)[..., :3] == 200).all()
    whole = tile(last(made, layer_mode="synthesised images", first_only=False), 2)
    assert (whole[:60] == (0, 0, 0, 255)).all()


def test_weight_histograms_tell_of_every_unit(sources):
    made = sources(scanned=False)
    content = last(made, layer_mode="weight histograms")
    filters = unit_filters(made.session.engine.model, "conv1")
    assert len(content.captions) == 5
    assert content.captions[2].startswith(f"weights {filters[2].mean():.3g} ± {filters[2].std():.3g}, bias")
    assert content.read_out(1, 1) == (0, f"unit 0  {content.captions[0]}")


def test_a_layer_without_biases_has_weight_histograms(sources):
    content = last(sources(scanned=False), layer="100% right", layer_mode="weight histograms")
    assert "bias" not in content.captions[0]


def test_activation_histograms_tell_the_silent_share(sources):
    made = sources()
    content = last(made, layer="sum", layer_mode="activation histograms")
    assert content.missing == "The scan leaves sum out"
    content = last(made, layer="branch/left", layer_mode="activation histograms")
    maxima = made.session.facts.read(lambda scan: scan.maxima("branch/left"))
    shares = (maxima <= 0).mean(0)
    assert [caption.split()[2] for caption in content.captions] == [f"{share:.0%}" for share in shares]


@pytest.mark.parametrize("mode", ["weight correlation", "activation correlation"])
def test_correlations_are_those_of_numpy(sources, mode):
    made = sources()
    content = last(made, layer_mode=mode)
    if mode == "weight correlation":
        rows = unit_filters(made.session.engine.model, "conv1").reshape(5, -1)
    else:
        rows = made.session.facts.read(lambda scan: scan.means("conv1")).T
    expected = np.corrcoef(rows)[np.ix_(content.layout.order, content.layout.order)]
    np.testing.assert_allclose(content.values, expected, atol=1e-5)
    assert content.scale.low == -1
    unit, words = content.read_out(1, 1)
    assert unit == content.layout.order[0]
    assert words == f"units {unit} and {unit}: r 1.000"
