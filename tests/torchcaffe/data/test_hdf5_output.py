from __future__ import annotations

import h5py
import numpy as np
import pytest
import torch

from prototxt.common.errors import NetError
from prototxt.formats.text import parse_net
from torchcaffe.network import Network

ROUND = """
layer {{ name: "in" type: "HDF5Data" top: "data" top: "place"
  hdf5_data_param {{ source: "{rows}" batch_size: {batch} }} }}
layer {{ name: "out" type: "HDF5Output" bottom: "data" bottom: "place"
  hdf5_output_param {{ file_name: "{out}" }} }}
"""
PYCAFFE = """
import sys
import caffe
caffe.Net(sys.argv[1], caffe.TEST).forward()
"""


def output(rows, out, batch) -> Network:
    return Network(parse_net(ROUND.format(rows=rows / "list.txt", out=out, batch=batch)))


def test_hdf5_output_holds_the_rows_of_all_batches(rows, tmp_path, monkeypatch):
    monkeypatch.chdir(rows)
    net = output(rows, tmp_path / "out.h5", batch=2)
    expected = [net.run(keep=["data"])[net.graph.value("data")].numpy() for _ in range(3)]
    assert not (tmp_path / "out.h5").exists(), "it was not asked to run"
    net = output(rows, tmp_path / "out.h5", batch=2)
    (tmp_path / "out.h5").write_text("what was there")
    for _ in range(3):
        net.run()
    with h5py.File(tmp_path / "out.h5") as file:
        written = file["data"][...]
        assert file["label"].shape == (6, 1, 1, 1)
    np.testing.assert_array_equal(written, np.concatenate(expected).reshape(written.shape))


@pytest.mark.caffe
def test_hdf5_output_is_as_caffes(rows, tmp_path, monkeypatch, real_caffe):
    monkeypatch.chdir(rows)
    output(rows, tmp_path / "ours.h5", batch=3).run()
    (tmp_path / "net.prototxt").write_text(ROUND.format(rows=rows / "list.txt", out=tmp_path / "theirs.h5", batch=3))
    result = real_caffe.run_python(PYCAFFE, tmp_path / "net.prototxt", cwd=rows)
    assert result.returncode == 0, result.stdout
    with h5py.File(tmp_path / "ours.h5") as ours, h5py.File(tmp_path / "theirs.h5") as theirs:
        assert ours.keys() == theirs.keys()
        for name, dataset in theirs.items():
            assert ours[name].dtype == dataset.dtype
            np.testing.assert_array_equal(ours[name], dataset)


def test_bad_hdf5_output(rows, tmp_path, monkeypatch):
    monkeypatch.chdir(rows)
    for out in ("", str(tmp_path), str(tmp_path / "no folder/out.h5")):
        with pytest.raises(NetError, match=r"'out' \(HDF5Output\): .* must name a file in a folder that exists"):
            output(rows, out, batch=1)
    net = output(rows, tmp_path / "out.h5", batch=1)
    data = torch.zeros(2, 1, 1, 1, 1)
    with pytest.raises(NetError, match=r"layer 'out'.*up to four axes .* got \(2, 1, 1, 1, 1\) and \(2,\)"):
        net.run({"data": data, "place": data[:, 0, 0, 0, 0]})
    net.run({"data": torch.zeros(2, 3), "place": torch.zeros(2)})
    with pytest.raises(NetError, match=r"rows of 'data' have shape \(4, 1, 1\); those before had \(3, 1, 1\)"):
        net.run({"data": torch.zeros(2, 4), "place": torch.zeros(2)})
    (tmp_path / "out.h5").unlink()
    (tmp_path / "out.h5").mkdir()
    with pytest.raises(NetError, match=r"out\.h5 cannot be written"):
        net.run({"data": torch.zeros(2, 3), "place": torch.zeros(2)})
