"""A run that was stopped and resumed is bit for bit one that was not, whatever it reads and draws."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import cv2
import h5py
import lmdb
import numpy as np
import pytest
from google.protobuf import text_format

from prototxt.common.errors import FormatError
from prototxt.formats.schema import POOL, Datum, SolverParameter
from torchcaffe.__main__ import main
from torchcaffe.run_state import run_state_path, saved_seed
from torchcaffe.solver import Solver

AUGMENTED = "transform_param { crop_size: 6 mirror: true scale: 0.01 }"
SOURCES = {
    "ImageData": f"""layer {{ name: "rows" type: "ImageData" top: "data" top: "label" {AUGMENTED}
        image_data_param {{ source: "list.txt" batch_size: 4 shuffle: true rand_skip: 3 }} }}""",
    "Data": f"""layer {{ name: "rows" type: "Data" top: "data" top: "label" {AUGMENTED}
        data_param {{ source: "db" backend: LMDB batch_size: 4 }} }}""",
    "HDF5Data": """layer { name: "rows" type: "HDF5Data" top: "data" top: "label"
        hdf5_data_param { source: "files.txt" batch_size: 4 shuffle: true } }""",
    "WindowData": """layer { name: "rows" type: "WindowData" top: "data" top: "label"
        transform_param { crop_size: 6 mirror: true scale: 0.01 }
        window_data_param { source: "windows.txt" batch_size: 4 fg_threshold: 0.5 bg_threshold: 0.5 } }""",
    "DummyData": """layer { name: "rows" type: "DummyData" top: "data" top: "label" dummy_data_param {
        shape { dim: 4 dim: 3 dim: 6 dim: 6 } shape { dim: 4 }
        data_filler { type: "gaussian" std: 1 } data_filler { type: "constant" value: 1 } } }""",
}
NET = """
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 5 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "conv" }
layer { name: "drop" type: "Dropout" bottom: "conv" top: "conv" }
layer { name: "steps" type: "Reshape" bottom: "conv" top: "steps" reshape_param { shape { dim: 4 dim: 1 dim: -1 } } }
layer { name: "ones" type: "DummyData" top: "ones" dummy_data_param {
  shape { dim: 4 dim: 1 } data_filler { type: "constant" value: 1 } } }
layer { name: "lstm" type: "LSTM" bottom: "steps" bottom: "ones" top: "lstm" recurrent_param {
  num_output: 6 weight_filler { type: "xavier" } } }
layer { name: "ip" type: "InnerProduct" bottom: "lstm" top: "ip"
  inner_product_param { num_output: 3 axis: 2 weight_filler { type: "xavier" } } }
layer { name: "flat" type: "Reshape" bottom: "ip" top: "flat" reshape_param { shape { dim: 4 dim: 3 } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "flat" bottom: "label" top: "loss" }
"""
SETTINGS = """base_lr: 0.1 lr_policy: "step" gamma: 0.5 stepsize: 4 momentum: 0.9 max_iter: 11 display: 1
test_iter: 2 test_interval: 3 snapshot: 5 snapshot_prefix: "run" """


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (11, 8, 9, 3), dtype=np.uint8)
    labels = random.integers(0, 3, 11)
    for index, image in enumerate(images):
        cv2.imwrite(f"{index}.png", image)
    Path("list.txt").write_text("".join(f"{index}.png {label}\n" for index, label in enumerate(labels)))
    windows = (
        f"# {index}\n{index}.png\n3\n8\n9\n2\n{1 + label % 2} 0.9 0 0 6 6\n0 0.1 1 1 7 7\n"
        for index, label in enumerate(labels)
    )
    Path("windows.txt").write_text("".join(windows))
    with h5py.File("rows.h5", "w") as file:
        file["data"] = images[:, :6, :6].transpose(0, 3, 1, 2) / 100
        file["label"] = labels
    Path("files.txt").write_text("rows.h5\n")
    with lmdb.open("db") as database, database.begin(write=True) as transaction:
        for index, (image, label) in enumerate(zip(images, labels, strict=True)):
            datum = Datum(channels=3, height=8, width=9, data=image.transpose(2, 0, 1).tobytes(), label=int(label))
            transaction.put(f"{index:08}".encode(), datum.SerializeToString())


def settings(source: str, more: str = "random_seed: 7") -> SolverParameter:
    text = f"{SETTINGS} {more} net_param {{ {SOURCES[source]} {NET} }}"
    return text_format.Parse(text, SolverParameter(), descriptor_pool=POOL)


def assert_equal(found: Solver, expected: Solver) -> None:
    for layer, blobs in expected.network.weights().items():
        for blob, other in zip(found.network.weights()[layer], blobs, strict=True):
            np.testing.assert_array_equal(blob, other, err_msg=layer)


@pytest.mark.parametrize("source", SOURCES)
def test_resumed_is_not_stopped(source: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "torchcaffe")
    whole = Solver(settings(source))
    whole.solve()
    lines = [line for line in caplog.messages if "net output" in line]
    caplog.clear()
    resumed = Solver(settings(source))
    resumed.solve("run_iter_5.solverstate")
    assert_equal(resumed, whole)
    mine = [line for line in caplog.messages if "net output" in line]
    assert mine == lines[-len(mine) :]


@pytest.mark.parametrize("source", SOURCES)
def test_restored_in_the_middle_of_another_run(source: str) -> None:
    whole = Solver(settings(source))
    whole.step(11)
    other = Solver(settings(source))
    other.step(8)
    other.restore("run_iter_5.solverstate")
    other.step(6)
    assert_equal(other, whole)


def test_the_command_takes_the_seed_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("net.prototxt").write_text(SOURCES["ImageData"] + NET)
    Path("solver.prototxt").write_text(f'net: "net.prototxt"\n{SETTINGS}')
    main(["train", "-solver", "solver.prototxt"])
    whole = Path("run_iter_11.caffemodel").read_bytes()
    seed = saved_seed("run_iter_5.solverstate")
    assert seed is not None
    Path("run_iter_11.caffemodel").unlink()
    main(["train", "-solver", "solver.prototxt", "-snapshot", "run_iter_5.solverstate"])
    assert Path("run_iter_11.caffemodel").read_bytes() == whole
    assert saved_seed("run_iter_11.solverstate") == seed


def test_the_other_formats_of_a_snapshot() -> None:
    param = settings("Data", "random_seed: 7 snapshot_format: HDF5")
    Solver(param).solve()
    assert run_state_path("run_iter_5.solverstate.h5") == Path("run_iter_5.runstate.npz")
    assert Path("run_iter_5.runstate.npz").exists()


def gone(path: Path) -> None:
    path.unlink()


def of_another_seed(path: Path) -> None:
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **(arrays | {"seed": np.array(8)}))  # type: ignore[arg-type]


def of_another_net(path: Path) -> None:
    with np.load(path) as file:
        arrays = {name.replace("0/rows/", "0/other/"): file[name] for name in file.files}
    np.savez(path, **arrays)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (gone, "There is no run_iter_5.runstate.npz: the data begin with the first batch, as in Caffe"),
        (of_another_seed, "is of random_seed 8, this run has 7"),
        (of_another_net, "Layer rows is not in run_iter_5.runstate.npz: it begins anew"),
    ],
)
def test_what_cannot_be_is_said(change: Callable[[Path], None], words: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "torchcaffe")
    Solver(settings("Data")).step(5)
    change(Path("run_iter_5.runstate.npz"))
    solver = Solver(settings("Data"))
    solver.restore("run_iter_5.solverstate")
    assert words in caplog.text
    solver.step(1)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def without_a_seed(path: Path) -> None:
    np.savez(path, rows=np.zeros(3))


def with_another_generator(path: Path) -> None:
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **(arrays | {"0/drop/generator": np.zeros(3, np.uint8)}))  # type: ignore[arg-type]


@pytest.mark.parametrize("damage", [cut, without_a_seed, with_another_generator])
def test_a_damaged_file_is_refused(damage: Callable[[Path], None]) -> None:
    Solver(settings("Data")).step(5)
    damage(Path("run_iter_5.runstate.npz"))
    with pytest.raises(FormatError, match=r"^run_iter_5\.runstate\.npz: .*remove (it|the file)"):
        Solver(settings("Data")).restore("run_iter_5.solverstate")
