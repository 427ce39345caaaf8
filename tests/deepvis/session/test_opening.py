"""From names and settings to a session, and the model of a scan."""

from pathlib import Path

import h5py
import pytest

from deepvis.errors import ModelError
from deepvis.model.model import open_model
from deepvis.scan import scan
from deepvis.session.model_of_scan import model_of_scan
from deepvis.session.opening import bundled_models, for_model, named, open_session
from deepvis.settings.settings import Settings
from entropy.errors import ScanError
from prototxt.common.progress import with_bar
from prototxt.formats.text import write_message
from prototxt.formats.weights import write_weights


@pytest.fixture
def write_model(make_model, tmp_path):
    def write(folder: str, seed: int = 0, net: str = "small", weights: str = "small") -> Path:
        model = make_model(seed=seed)
        (tmp_path / folder).mkdir(exist_ok=True)
        write_message(tmp_path / folder / f"{net}.prototxt", model.net)
        write_weights(tmp_path / folder / f"{weights}.caffemodel", model.net, model.weights)
        return tmp_path / folder

    return write


def test_another_model_does_not_get_what_belonged_to_the_one_before(write_model, make_pictures) -> None:
    pictures = make_pictures(2).root
    before = Settings(
        model=write_model("a"), mean=(1.0, 2.0, 3.0), layer="x", unit=3, images=pictures, device="cpu", batch=7
    )
    after = for_model(before, model=write_model("b"), unit=1, scan=None)
    assert (after.mean, after.layer, after.unit, after.scan) == (None, None, 1, None)
    assert (after.images, after.device, after.batch) == (pictures, "cpu", 7)


def test_what_lies_beside_a_model_is_found(write_model, tmp_path) -> None:
    folder = write_model("a")
    (folder / "scan.h5").touch()
    (folder / "plan.json").touch()
    found = for_model(Settings(), model=folder / "small.prototxt")
    assert (found.scan, found.plan) == (folder / "scan.h5", folder / "plan.json")
    assert (found.images / "astronaut.png").is_file()
    assert for_model(Settings(), model=Path("resnet18")).scan is None


def test_names(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings(presets={"mine": {"model": Path("x.prototxt"), "unit": 2}, "indoor39": {"model": Path("y")}})
    assert named(settings, "mine") == {"model": Path("x.prototxt"), "unit": 2}
    assert named(settings, "indoor39") == {"model": Path("y")}
    assert named(settings, "flowers96") == {"model": bundled_models()["flowers96"]}
    assert named(settings, "resnet18") == {"model": Path("resnet18")}
    (tmp_path / "mine").mkdir()
    assert named(settings, "mine") == {"model": Path("mine")}


def test_a_plan_without_a_scan_is_told(write_model, tmp_path) -> None:
    opened = open_session(Settings(model=write_model("a"), plan=tmp_path / "plan.json", device="cpu"))
    assert "open that too" in opened.problems[0]
    assert opened.session.settings.plan == tmp_path / "plan.json"


def test_the_model_of_a_scan(write_model, make_pictures, tmp_path) -> None:
    images, cache = make_pictures(2), tmp_path / "cache"
    folder = write_model("beside", seed=1, net="deploy", weights="trained")
    write_model("beside", seed=2, net="deploy", weights="more")
    model = open_model(folder / "deploy.prototxt", folder / "trained.caffemodel")
    (tmp_path / "elsewhere").mkdir()
    for place in (folder, tmp_path / "elsewhere"):
        with_bar(scan(model, images, place / "found.h5", device="cpu"), quiet=True)
    found = with_bar(model_of_scan(folder / "found.h5", cache), quiet=True)
    assert found == {
        "model": folder / "deploy.prototxt", "weights": folder / "trained.caffemodel", "scan": folder / "found.h5"
    }  # fmt: skip
    far = tmp_path / "elsewhere" / "found.h5"
    assert with_bar(model_of_scan(far, cache, [folder / "deploy.prototxt"]), quiet=True) == {**found, "scan": far}
    assert with_bar(model_of_scan(far, cache, [], model.hash), quiet=True) == {}
    with h5py.File(far, "r+") as file:  # as an older version wrote it
        del file.attrs["net_hash"]
    with pytest.raises(ModelError, match=r"found\.h5: was made for the net 'small' with the weights [0-9a-f]{12}…"):
        with_bar(model_of_scan(far, cache, [tmp_path / "gone"]), quiet=True)
    (folder / "trained.caffemodel").write_bytes(b"broken")
    with pytest.raises(ModelError, match="neither beside it"):
        with_bar(model_of_scan(folder / "found.h5", cache), quiet=True)
    with pytest.raises(ScanError, match="no such file"):
        with_bar(model_of_scan(tmp_path / "no.h5", cache), quiet=True)
