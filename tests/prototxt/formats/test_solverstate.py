import h5py
import numpy as np
import pytest

from prototxt.common.errors import FormatError
from prototxt.formats import schema
from prototxt.formats.solverstate import SolverState, read_solverstate, write_solverstate
from prototxt.formats.text import parse_net, write_message

STATE = SolverState(
    iter=1200,
    learned_net="snapshots/net_iter_1200.caffemodel",
    current_step=3,
    history=[np.arange(6, dtype=np.float32).reshape(2, 3), np.float32(4.5).reshape(()), np.zeros(2, np.float32)],
)


def assert_same(found, wanted):
    assert (found.iter, found.learned_net, found.current_step) == (wanted.iter, wanted.learned_net, wanted.current_step)
    assert len(found.history) == len(wanted.history)
    for a, b in zip(found.history, wanted.history, strict=True):
        assert (a.shape, a.dtype, a.tobytes()) == (b.shape, np.float32, b.tobytes())


@pytest.mark.parametrize("suffix", ["solverstate", "solverstate.h5"])
def test_round_trip(tmp_path, suffix):
    write_solverstate(tmp_path / f"a.{suffix}", STATE)
    assert_same(read_solverstate(tmp_path / f"a.{suffix}"), STATE)
    assert [path.name for path in tmp_path.iterdir()] == [f"a.{suffix}"]


def test_binary_file_is_what_protobuf_would_write(tmp_path):
    write_solverstate(tmp_path / "a.solverstate", STATE)
    message = schema.SolverState(iter=1200, learned_net=STATE.learned_net, current_step=3)
    for array in STATE.history:
        message.history.add(data=array.ravel().tolist(), shape={"dim": array.shape})
    assert (tmp_path / "a.solverstate").read_bytes() == message.SerializeToString(deterministic=True)


def test_legacy_blobs(tmp_path):
    message = schema.SolverState(iter=5)
    message.history.add(num=1, channels=1, height=1, width=2, double_data=[1, 2])
    (tmp_path / "a.solverstate").write_bytes(message.SerializeToString())
    found = read_solverstate(tmp_path / "a.solverstate")
    assert_same(found, SolverState(5, history=[np.array([[[[1, 2]]]], np.float32)]))


@pytest.mark.parametrize("suffix", ["solverstate", "solverstate.h5"])
def test_truncated_file(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    write_solverstate(path, STATE)
    whole = path.read_bytes()
    for cut in range(9, len(whole) - 30, 97 if suffix.endswith("h5") else 1):
        path.write_bytes(whole[:cut])
        try:
            history = read_solverstate(path).history
        except FormatError as error:
            assert str(error).startswith(f"{path}: is truncated")  # noqa: PT017
            continue
        assert suffix == "solverstate"  # a cut between two blobs leaves a whole, smaller message
        assert len(history) < 3


def test_files_that_are_no_solver_state(tmp_path):
    (tmp_path / "solver.prototxt").write_text('net: "net.prototxt"')
    (tmp_path / "a.caffemodel").write_bytes(schema.NetParameter(name="a", layer=[{"name": "b"}]).SerializeToString())
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["data"] = 1
    for name, sentence in [
        ("solver.prototxt", "is text"),
        ("a.caffemodel", "holds no iteration number, so it is no .solverstate"),
        ("a.h5", "is no .solverstate.h5"),
        ("gone", "no such file; give the path of a .solverstate file"),
    ]:
        with pytest.raises(FormatError, match=sentence):
            read_solverstate(tmp_path / name)


TRAIN = parse_net("""
layer { name: "data" type: "DummyData" top: "data" top: "label"
        dummy_data_param { shape { dim: 4 dim: 3 } shape { dim: 4 dim: 2 }
                           data_filler { type: "gaussian" } data_filler { type: "gaussian" } } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
        inner_product_param { num_output: 2 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "EuclideanLoss" bottom: "ip" bottom: "label" top: "loss" }
""")


@pytest.mark.caffe
@pytest.mark.parametrize(("form", "suffix"), [("BINARYPROTO", ""), ("HDF5", ".h5")])
@pytest.mark.parametrize("method", ["SGD", "Adam"])
def test_real_caffe_writes_and_restores_it(real_caffe, tmp_path, form, suffix, method):
    write_message(tmp_path / "net.prototxt", TRAIN)
    settings = {"net": "net.prototxt", "type": method, "lr_policy": "multistep", "snapshot_prefix": "a"}
    solver = schema.SolverParameter(
        **settings, base_lr=0.1, gamma=0.5, stepvalue=[1, 2], max_iter=3, snapshot_format=form, solver_mode="CPU"
    )
    solver.momentum = 0.9
    write_message(tmp_path / "solver.prototxt", solver)
    done = real_caffe.run("train", "-solver", "solver.prototxt", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    state = read_solverstate(tmp_path / f"a_iter_3.solverstate{suffix}")
    assert (state.iter, state.learned_net, state.current_step) == (3, f"a_iter_3.caffemodel{suffix}", 2)
    assert [array.shape for array in state.history] == [(2, 3), (2,)] * (2 if method == "Adam" else 1)
    assert all(np.abs(array).max() > 0 for array in state.history)

    # Real Caffe goes on from a file of ours: without gradients (rate 0 and no iteration) it writes the same again.
    write_solverstate(tmp_path / f"ours.solverstate{suffix}", state)
    solver.max_iter, solver.snapshot_prefix = 3, "b"
    write_message(tmp_path / "solver.prototxt", solver)
    arguments = ["-solver", "solver.prototxt", "-snapshot", f"ours.solverstate{suffix}"]
    done = real_caffe.run("train", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    again = read_solverstate(tmp_path / f"b_iter_3.solverstate{suffix}")
    state.learned_net = again.learned_net
    assert_same(again, state)
