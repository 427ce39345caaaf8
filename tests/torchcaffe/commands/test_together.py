"""Several processes of ``torchcaffe train`` are one training: on CPUs here, which exchange gradients through gloo."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from prototxt.common.errors import InputError
from prototxt.formats.weights import read_weights
from torchcaffe.commands import together
from torchcaffe.commands.device import choose_device, choose_devices
from torchcaffe.commands.flags import Call

NET = """
layer {{ name: "rows" type: "HDF5Data" top: "data" top: "label"
  hdf5_data_param {{ source: "files.txt" batch_size: {size} }} }}
layer {{ name: "hidden" type: "InnerProduct" bottom: "data" top: "hidden"
  inner_product_param {{ num_output: 6 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "relu" type: "ReLU" bottom: "hidden" top: "hidden" }}
layer {{ name: "ip" type: "InnerProduct" bottom: "hidden" top: "ip"
  inner_product_param {{ num_output: 3 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }}
"""
SOLVER = """net: "net.prototxt" base_lr: 0.3 lr_policy: "fixed" momentum: 0.9 weight_decay: 0.01 max_iter: {iterations}
display: 1 test_iter: 2 test_interval: 3 snapshot_prefix: "{prefix}" random_seed: 5"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    random = np.random.default_rng(0)
    with h5py.File("rows.h5", "w") as file:
        file["data"] = random.normal(size=(48, 4)).astype(np.float32)
        file["label"] = random.integers(3, size=48).astype(np.float32)
    Path("files.txt").write_text("rows.h5\n")
    return tmp_path


def write(prefix: str, size: int, iterations: int = 7) -> Call:
    """The files of a training, and its call."""
    Path("net.prototxt").write_text(NET.format(size=size))
    Path("solver.prototxt").write_text(SOLVER.format(prefix=prefix, iterations=iterations))
    return Call("train", {"solver": "solver.prototxt"}, given=frozenset({"solver"}))


def test_two_processes_are_one_with_twice_the_batch(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert together.start_processes(write("two", 4), 2) == 0
    said = capfd.readouterr().err
    assert said.count("Optimization Done.") > 0
    assert said.count("Iteration 6 (") == 1  # the first of them alone logs
    assert together.start_processes(write("one", 8), 1) == 0
    two, one = (read_weights(folder / f"{name}_iter_7.caffemodel") for name in ("two", "one"))
    for layer, blobs in one.items():
        for blob, other in zip(two[layer], blobs, strict=True):
            np.testing.assert_allclose(blob, other, rtol=1e-4, atol=1e-6)


def test_all_stop_after_the_same_iteration(folder: Path) -> None:
    write("stopped", 4, 1_000_000)
    script = "from torchcaffe.commands.together import *\nimport sys\n"
    script += "call = Call('train', {'solver': 'solver.prototxt'}, given=frozenset({'solver'}))\n"
    script += "sys.exit(start_processes(call, 2))"
    with Path("log").open("wb") as log:
        program = subprocess.Popen([sys.executable, "-c", script], stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while b"Iteration 20 " not in Path("log").read_bytes():
            assert program.poll() is None
            assert time.monotonic() < deadline, Path("log").read_text()
            time.sleep(0.1)
        os.killpg(program.pid, signal.SIGINT)
        assert program.wait(timeout=60) == 0, Path("log").read_text()
    finally:
        if program.poll() is None:
            os.killpg(program.pid, signal.SIGKILL)
            program.wait()
    assert len(list(folder.glob("stopped_iter_*.caffemodel"))) == 1
    assert "Optimization stopped early." in Path("log").read_text()


def test_a_process_that_fails_ends_the_others(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    call = write("x", 4)
    Path("files.txt").write_text("gone.h5\n")
    assert together.start_processes(call, 2) == 1
    assert "gone.h5" in capfd.readouterr().err


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_devices("0,1") == [torch.device("cpu")]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: f"card {number}")
    assert choose_devices("2,0") == [torch.device("cuda", 2), torch.device("cuda", 0)]
    assert len(choose_devices("all")) == 3
    with pytest.raises(InputError, match="there is no GPU 3; PyTorch finds 3"):
        choose_devices("0,3")
    with pytest.raises(InputError, match=r"each once, with commas between them, or 'all'; got '1,1'"):
        choose_devices("1,1")
    with pytest.raises(InputError, match="only train runs on several; give one number"):
        choose_device("all")
