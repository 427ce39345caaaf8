"""Several processes train one net: two with half of the batch each are one with all of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import h5py
import lmdb
import numpy as np
import pytest

import torchcaffe as caffe
from prototxt.common.errors import NetError
from torchcaffe.serving import FOLDER

NET = """
layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: {size} dim: 3 }} }} }}
layer {{ name: "label" type: "Input" top: "label" input_param {{ shape {{ dim: {size} }} }} }}
layer {{ name: "hidden" type: "InnerProduct" bottom: "data" top: "hidden"
  inner_product_param {{ num_output: 4 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "relu" type: "ReLU" bottom: "hidden" top: "hidden" }}
layer {{ name: "ip" type: "InnerProduct" bottom: "hidden" top: "ip"
  inner_product_param {{ num_output: 3 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }}
"""
SOLVER = (
    'net: "net.prototxt" base_lr: 0.5 lr_policy: "fixed" momentum: 0.9 max_iter: 5 snapshot_after_train: false'
    " snapshot_prefix: 'x'"
)
WORKER = Path(__file__).with_name("nccl_worker.py")


def train(folder: Path, count: int, size: int) -> list[np.ndarray]:
    """Run so many processes, each with batches of ``size``; the parameters of the last."""
    (folder / "net.prototxt").write_text(NET.format(size=size))
    uid = os.fsdecode(caffe.NCCL.new_uid())
    paths = os.pathsep.join(filter(None, [str(FOLDER), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": paths, "GLOG_minloglevel": "2", "OMP_NUM_THREADS": "1"}
    programs = [
        subprocess.Popen(
            [sys.executable, str(WORKER), str(rank), str(count), uid, f"{count}_{rank}.npz"],
            cwd=folder,
            env=environment,
        )
        for rank in range(count)
    ]
    try:
        assert [program.wait(timeout=200) for program in programs] == [0] * count
    finally:
        for program in programs:
            program.kill()
            program.wait()
    results = [np.load(folder / f"{count}_{rank}.npz") for rank in range(count)]
    for result in results[1:]:
        for name in result.files:
            np.testing.assert_array_equal(result[name], results[0][name])
    return [results[-1][name] for name in results[-1].files]


@pytest.mark.long
def test_two_processes_are_one_with_twice_the_batch(tmp_path):
    (tmp_path / "solver.prototxt").write_text(SOLVER)
    (tmp_path / "net.prototxt").write_text(NET.format(size=8))
    first = caffe.Net(tmp_path / "net.prototxt", caffe.TRAIN)
    first.save(tmp_path / "first.caffemodel")
    random = np.random.default_rng(0)
    np.savez(tmp_path / "rows.npz", data=random.normal(size=(40, 3)), label=random.integers(3, size=40))
    together, alone = train(tmp_path, 2, 4), train(tmp_path, 1, 8)
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    before = [blob.data for blobs in first.params.values() for blob in blobs]
    assert np.abs(together[0] - before[0]).max() > 0.1


@pytest.fixture
def of_three():
    """This is the second of three solvers."""
    caffe.set_solver_count(3)
    caffe.set_solver_rank(1)
    yield
    caffe.set_solver_rank(0)
    caffe.set_solver_count(1)


@pytest.mark.parametrize("kind", ["HDF5Data", "Data"])
@pytest.mark.parametrize(("phase", "rows"), [(caffe.TRAIN, [1, 4, 0, 3, 6]), (caffe.TEST, [0, 1, 2, 3, 4])])
def test_each_solver_reads_its_share(tmp_path, of_three, kind, phase, rows):
    """Of seven records, over and over, every third."""
    sources = {"HDF5Data": write_rows, "Data": write_records}
    net = tmp_path / "net.prototxt"
    net.write_text(f'layer {{ name: "data" type: "{kind}" top: "data" {sources[kind](tmp_path, 7)} }}')
    made = caffe.Net(net, phase)
    assert made.forward()["data"].ravel().tolist() == rows


def write_rows(folder: Path, count: int) -> str:
    with h5py.File(folder / "rows.h5", "w") as file:
        file["data"] = np.arange(count, dtype=np.float32).reshape(count, 1)
    (folder / "list.txt").write_text(str(folder / "rows.h5"))
    return f'hdf5_data_param {{ source: "{folder}/list.txt" batch_size: 5 }}'


def write_records(folder: Path, count: int) -> str:
    with lmdb.open(str(folder / "records")) as database, database.begin(write=True) as transaction:
        for number in range(count):
            datum = caffe.io.array_to_datum(np.full((1, 1, 1), number, np.uint8))
            transaction.put(f"{number:08}".encode(), datum.SerializeToString())
    return f'data_param {{ source: "{folder}/records" backend: LMDB batch_size: 5 }}'


def test_state_of_the_training():
    assert (caffe.solver_count(), caffe.solver_rank()) == (1, 0)
    with pytest.raises(NetError, match="at least 1; got 0"):
        caffe.set_solver_count(0)
    with pytest.raises(NetError, match="at least 0; got -1"):
        caffe.set_solver_rank(-1)
    assert caffe.has_nccl()
    assert isinstance(caffe.NCCL.new_uid(), bytes)


def test_a_timer(monkeypatch):
    now = iter([1.0, 1.5, 4.0, 4.25])
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    timer = caffe.Timer()
    assert timer.ms == 0
    timer.start()
    timer.start()  # runs already
    timer.stop()
    timer.stop()
    assert timer.ms == 500
    timer.start()
    assert timer.ms == 250  # and stops
    assert timer.ms == 250
