import sys
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from PySide6.QtGui import QPainterPath

import entropy
from deepvis.__main__ import main
from deepvis.controllers.panes.registry import PANES
from deepvis.engines.describe import describe
from deepvis.errors import ModelError, SettingsError
from deepvis.scan import scan
from deepvis.session.opening import open_session
from deepvis.settings.settings import Settings
from deepvis.views import app
from deepvis.views.snapshot import Wanted, snapshot
from prototxt.common.errors import InputError
from prototxt.common.progress import with_bar
from prototxt.formats.text import write_message
from prototxt.formats.weights import write_weights


def test_qt_leaves_none_as_often_as_it_is():
    path = QPainterPath()
    before = sys.getrefcount(None)
    for _ in range(1000):
        path.lineTo(1, 2)
    assert sys.getrefcount(None) > before - 500, "this PySide6 ends Python sooner or later: install constraints.txt"


@pytest.fixture
def settings(make_model, make_pictures, tmp_path):
    model = make_model()
    write_message(tmp_path / "small.prototxt", model.net)
    write_weights(tmp_path / "small.caffemodel", model.net, model.weights)
    (tmp_path / "pixels.json").write_text(model.preprocessing.to_json())
    (tmp_path / "classes.txt").write_text("cat\ndog\nowl\n")

    def make(**changes):
        return Settings(
            **{
                "model": tmp_path / "small.prototxt",
                "preprocessing": tmp_path / "pixels.json",
                "classes": tmp_path / "classes.txt",
                "images": make_pictures(2).root if not (tmp_path / "pictures").exists() else tmp_path / "pictures",
                "device": "cpu",
                "layer": "conv1",
                "window_size": (1000, 640),
            }
            | changes
        )

    return make


def test_a_snapshot_is_the_window(qapp, settings, tmp_path):
    out = tmp_path / "made" / "window.png"
    snapshot(settings(backprop="guided", unit=2), out, {"picture": 1, "zoom": "unit"})
    picture = cv2.imread(str(out))
    assert picture.shape == (640, 1000, 3)
    assert len({tuple(colour) for colour in picture.reshape(-1, 3)}) > 50
    assert [file.name for file in out.parent.iterdir()] == ["window.png"]


def test_a_snapshot_of_something_broken_is_an_error_and_no_file(qapp, settings, tmp_path):
    broken = settings()
    for file in broken.images.iterdir():
        file.write_bytes(b"")
    with pytest.raises(InputError, match=r"0\.png"):
        snapshot(broken, tmp_path / "window.png")
    with pytest.raises(ModelError, match="cannot write this kind"):
        snapshot(settings(images=None), tmp_path / "window.xyz")
    assert not list(tmp_path.glob("window*"))


def test_a_broken_scan_is_told_and_the_window_still_opens(settings, tmp_path):
    (tmp_path / "scan.h5").write_bytes(b"no HDF5")
    opened = open_session(settings(scan=tmp_path / "scan.h5"))
    assert opened.session.facts is None
    assert "scan.h5" in opened.problems[0]
    assert opened.session.facts_missing == opened.problems[0]
    with pytest.raises(InputError, match=r"scan\.h5"):
        snapshot(settings(scan=tmp_path / "scan.h5"), tmp_path / "window.png")


@pytest.fixture
def tuned(make_model, tmp_path):
    model = make_model()
    weights = {name: [array.copy() for array in arrays] for name, arrays in model.weights.items()}
    weights["conv1"][0][3] += 1
    write_weights(tmp_path / "tuned.caffemodel", model.net, weights)
    return tmp_path / "tuned.caffemodel"


def test_weights_after_fine_tuning_on_the_command_line(qapp, settings, tuned, tmp_path, capsys):
    given = settings()
    command = ["snapshot", given.model, given.images, "--after", tuned, "--panes", "compare", "--out"]
    assert main([str(word) for word in [*command, tmp_path / "window.png"]]) == 0
    assert cv2.imread(str(tmp_path / "window.png")) is not None
    tuned.write_bytes(b"no weights")
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in [*command, tmp_path / "broken.png"]])
    assert stop.value.code == 2
    assert "tuned.caffemodel" in capsys.readouterr().err
    assert not (tmp_path / "broken.png").exists()


def test_broken_weights_to_compare_with_are_told_and_the_window_still_opens(settings, tuned):
    assert open_session(settings(after=tuned)).session.after.path == tuned
    tuned.write_bytes(b"no weights")
    opened = open_session(settings(after=tuned))
    assert opened.session.after is None
    assert "tuned.caffemodel" in opened.problems[0]


def test_a_plan_gives_rates_and_the_bins_that_it_was_made_with(settings, make_model, make_pictures, tmp_path):
    model, file = make_model(), tmp_path / "scan.h5"
    with_bar(scan(model, make_pictures(40, folder="scanned"), file, device="cpu"), quiet=True)
    table = entropy.measure(file, bins=4)
    plan = entropy.plan(table, 2, share=0.4)
    plan.write(tmp_path / "plan.json")
    opened = open_session(settings(scan=file, plan=tmp_path / "plan.json"))
    assert opened.problems == ()
    shown = [opened.session.facts.unit("conv1", unit) for unit in range(5)]
    opened.session.facts.close()
    assert [facts.bits for facts in shown] == pytest.approx(table.of_layer("conv1")["h"].tolist())
    assert [facts.multiplier for facts in shown] == plan.multipliers["conv1"].tolist()

    plan.model_copy(update={"weights_hash": "0" * 64}).write(tmp_path / "plan.json")
    opened = open_session(settings(scan=file, plan=tmp_path / "plan.json"))
    opened.session.facts.close()
    assert "other weights" in opened.problems[0]


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"zoom": "moon"}, "zoom = 'moon'"),
        ({"back_mode": "x"}, "back_mode = 'x'"),
        ({"colormap": "plaid"}, "colormap = 'plaid'"),
    ],
)
def test_wishes_are_checked(settings, make_model, wishes, words):
    with pytest.raises(SettingsError, match=words):
        app.first_state(settings(), describe(make_model()), wishes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"colormap": "plaid"}, "colormap = 'plaid'"),
        ({"layer": "conv2"}, "no layer 'conv2'; did you mean 'conv1'"),
        ({"layer": "xyz"}, "it has data, conv1, pool1"),
        ({"layer": "conv1", "unit": 5}, "has 5 units, 0 to 4"),
    ],
)
def test_settings_that_do_not_fit_the_net_are_sentences(settings, make_model, changes, words):
    with pytest.raises(SettingsError, match=words):
        app.first_state(settings(**changes), describe(make_model()))


def test_a_snapshot_of_a_view_and_of_panes(qapp, settings, tmp_path):
    out = tmp_path / "window.png"
    snapshot(settings(), out, {"layer_mode": "weight histograms", "panes": ("histograms",)})
    with_panes = cv2.imread(str(out))
    snapshot(settings(), out)
    assert (with_panes != cv2.imread(str(out))).any()
    with pytest.raises(SettingsError, match=f"there is no pane 'graph'; there are {', '.join(PANES)}"):
        snapshot(settings(), out, {"panes": ("graph",)})


def test_pictures_of_units_of_an_older_toolbox(settings, tmp_path):
    (tmp_path / "old" / "conv1" / "unit_0000").mkdir(parents=True)
    opened = open_session(settings(unit_pictures=tmp_path / "old"))
    assert (opened.session.unit_pictures.layers, opened.problems) == (("conv1",), ())
    opened = open_session(settings(unit_pictures=tmp_path / "gone"))
    assert opened.session.unit_pictures is None
    assert "gone: is no folder" in opened.problems[0]
    assert "No scan" in opened.session.facts_missing


@pytest.mark.parametrize("density", [1, 2])
def test_a_pane_alone_in_any_density(qapp, settings, tmp_path, density):
    whole, alone = tmp_path / "window.png", tmp_path / "layer.webp"
    snapshot(settings(), Wanted(whole, density=density))
    snapshot(settings(), Wanted(alone, "layer", density))
    height, width, _ = cv2.imread(str(whole)).shape
    assert (height, width) == (640 * density, 1000 * density)
    part = cv2.imread(str(alone))
    assert part.shape[0] < height
    assert part.shape[1] < width
    with pytest.raises(SettingsError, match="no pane 'moon' in the window; there are input, classes, unit, back"):
        snapshot(settings(), Wanted(alone, "moon"))


def test_a_finer_picture_shows_the_same(qapp, settings, tmp_path):
    for density in (1, 2):
        snapshot(settings(), Wanted(tmp_path / f"{density}.png", density=density))
    coarse, fine = (cv2.imread(str(tmp_path / f"{density}.png")).astype(float) for density in (1, 2))
    assert np.abs(cv2.resize(fine, (1000, 640), interpolation=cv2.INTER_AREA) - coarse).mean() < 4


def test_drawings_keep_text_and_pictures(qapp, settings, tmp_path):
    snapshot(settings(), tmp_path / "window.svg")
    root = ElementTree.parse(tmp_path / "window.svg").getroot()
    name = "{http://www.w3.org/2000/svg}"
    words = {"".join(text.itertext()).strip() for text in root.iter(f"{name}text")}
    assert {"Back-propagation", "conv1:0", "cat"} <= words
    images = [image.get("{http://www.w3.org/1999/xlink}href") for image in root.iter(f"{name}image")]
    assert len(images) >= 3
    assert all(image.startswith("data:image/") for image in images)
    assert root.get("viewBox") == "0 0 1000 640"
    snapshot(settings(), Wanted(tmp_path / "unit.pdf", "unit"))
    assert (tmp_path / "unit.pdf").read_bytes().startswith(b"%PDF-")
