from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from google.protobuf import text_format

import torchcaffe as caffe
from prototxt.common.errors import FormatError, NetError
from prototxt.formats.schema import POOL, SolverParameter
from prototxt.formats.text import parse_net
from prototxt.formats.weights import read_weights, write_weights
from torchcaffe.pycaffe.solvers import SOLVERS, get_solver
from torchcaffe.solver import Action, Solver
from torchcaffe.solvers import RULES

DATA = """
layer { name: "data" type: "DummyData" top: "data" top: "label" dummy_data_param {
  shape { dim: 6 dim: 2 dim: 5 dim: 5 } shape { dim: 6 }
  data_filler { type: "gaussian" std: 1 } data_filler { type: "constant" value: 2 } } }
"""

NET = f"""
name: "small" {DATA}
layer {{ name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param {{ num_output: 4 kernel_size: 3 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "frozen" type: "InnerProduct" bottom: "conv" top: "frozen" param {{ lr_mult: 0 }} param {{ lr_mult: 0 }}
  inner_product_param {{ num_output: 5 weight_filler {{ type: "gaussian" std: 0.3 }} }} }}
layer {{ name: "ip" type: "InnerProduct" bottom: "frozen" top: "ip"
  inner_product_param {{ num_output: 3 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }}
layer {{ name: "accuracy" type: "Accuracy" bottom: "ip" bottom: "label" top: "accuracy"
  include {{ phase: TEST not_stage: "plain" }} }}
"""

BASE = 'base_lr: 0.1 lr_policy: "fixed" momentum: 0.5 weight_decay: 0.01 random_seed: 4 max_iter: 10 '


@pytest.fixture
def make(tmp_path):
    """A solver on the small net, with snapshots in the test's folder."""

    def make_solver(settings: str = "", net: str = NET, cls: type[Solver] = Solver, base: str = BASE) -> Solver:
        text = f'{base} snapshot_prefix: "{tmp_path}/run" net_param {{ {net} }} {settings}'
        return cls(text_format.Parse(text, SolverParameter(), descriptor_pool=POOL))

    return make_solver


def weights(solver):
    return [blob.copy() for blobs in solver.network.weights().values() for blob in blobs]


def test_every_rule_has_a_class_of_caffes_name():
    assert SOLVERS.keys() == RULES.keys()
    for solver_type, solver_class in SOLVERS.items():
        assert solver_class.type == solver_type
        assert getattr(caffe, f"{solver_type}Solver") is solver_class


def test_random_seed_makes_runs_repeatable(make):
    one, same = make(), make()
    one.step(3)
    same.step(3)
    for blob, other in zip(weights(one), weights(same), strict=True):
        np.testing.assert_array_equal(blob, other)
    other_seed = make(base=BASE.replace("random_seed: 4", "random_seed: 5"))
    assert not np.array_equal(weights(one)[0], weights(other_seed)[0])


@pytest.mark.parametrize("solver_type", SOLVERS)
def test_lr_mult_zero_moves_nothing_by_a_bit_and_the_rest_learns(make, solver_type):
    solver = make("", cls=SOLVERS[solver_type])
    before = solver.network.weights()
    solver.step(4)
    after = solver.network.weights()
    for blob, other in zip(before["frozen"], after["frozen"], strict=True):
        assert blob.tobytes() == other.tobytes()
    for name in ("conv", "ip"):
        assert all(not np.array_equal(blob, other) for blob, other in zip(before[name], after[name], strict=True))


@pytest.mark.parametrize("decay_mult", [0, 1])
@pytest.mark.parametrize("solver_type", SOLVERS)
def test_leaving_frozen_parameters_out_changes_nothing(make, monkeypatch, solver_type, decay_mult):
    net = NET.replace("lr_mult: 0", f"lr_mult: 0 decay_mult: {decay_mult}")
    solver = make(net=net, cls=SOLVERS[solver_type])
    solver.step(3)
    monkeypatch.setattr("torchcaffe.update.Updater._moving", lambda *arguments: None)
    thorough = make(net=net, cls=SOLVERS[solver_type])
    thorough.step(3)
    for blob, other in zip(weights(solver), weights(thorough), strict=True):
        np.testing.assert_array_equal(blob, other)
    for tensor, other in zip(solver.updater.history, thorough.updater.history, strict=True):
        assert torch.equal(tensor, other)


@pytest.mark.parametrize("solver_type", ["SGD", "Nesterov"])
def test_a_frozen_parameter_with_momentum_left_coasts_on_as_in_caffe(make, solver_type):
    solver = make(cls=SOLVERS[solver_type])
    before = solver.network.weights()["frozen"][0]
    solver.updater.history[2].fill_(0.5)
    solver.step(1)
    assert (solver.network.weights()["frozen"][0] < before).all()


@pytest.mark.parametrize("solver_type", SOLVERS)
def test_a_rate_of_every_filter(make, solver_type):
    solver = make(cls=SOLVERS[solver_type])
    plain = make(cls=SOLVERS[solver_type])
    before = solver.network.weights()["conv"][0]
    solver.set_lr_mult("conv", 0, torch.tensor([0.0, 0.25, 1.0, 2.0]).view(4, 1, 1, 1))
    solver.step(1)
    plain.step(1)
    moved = solver.network.weights()["conv"][0] - before
    moved_plain = plain.network.weights()["conv"][0] - before
    assert (moved[0] == 0).all()
    np.testing.assert_allclose(moved, moved_plain * np.array([0, 0.25, 1, 2])[:, None, None, None], atol=1e-6)


def test_a_rate_that_does_not_fit(make):
    with pytest.raises(NetError, match=r"'conv': a rate of shape \(2,\) .* of shape \(4, 2, 3, 3\)"):
        make().set_lr_mult("conv", 0, torch.zeros(2))
    with pytest.raises(NetError, match="'pool' has no learnable blob 0"):
        make().set_lr_mult("pool", 0, 1)


def test_a_frozen_layer_may_be_set_free_and_frozen_again(make):
    solver = make()
    solver.set_lr_mult("frozen", 0, 1.0)
    before = solver.network.weights()["frozen"]
    solver.step(1)
    after = solver.network.weights()["frozen"]
    assert not np.array_equal(before[0], after[0])
    np.testing.assert_array_equal(before[1], after[1])


def test_test_nets_use_the_training_nets_parameters(make):
    solver = make('test_iter: 2 test_iter: 1 test_interval: 3 test_state { } test_state { stage: "plain" }')
    assert [len(net.graph.outputs) for net in solver.test_networks] == [2, 1]
    for test_network in solver.test_networks:
        for name, blobs in solver.network.params.items():
            assert all(a is b for a, b in zip(blobs, test_network.params[name], strict=True))
    solver.step(2)
    for test_network in solver.test_networks:
        for name, blobs in solver.network.weights().items():
            np.testing.assert_array_equal(test_network.weights()[name][0], blobs[0])


def test_log_lines_are_caffes(make, caplog):
    caplog.set_level(logging.INFO, "torchcaffe")
    solver = make("test_iter: 2 test_interval: 2 display: 2 average_loss: 3 test_compute_loss: true")
    solver.param.max_iter = 4
    solver.solve()
    lines = [record.getMessage() for record in caplog.records]
    text = "\n".join(lines)
    assert "Solving small" in lines
    assert "Learning Rate Policy: fixed" in lines
    assert [line for line in lines if "Testing net" in line] == [f"Iteration {i}, Testing net (#0)" for i in (0, 2, 4)]
    assert text.count("    Test net output #0: accuracy = ") == 3
    assert text.count("    Test net output #1: loss = ") == 3
    assert text.count("Test loss: ") == 3
    assert text.count("    Train net output #0: loss = ") == 2
    assert "Iteration 2, lr = 0.1" in lines
    assert "Snapshotting to binary proto file" in text
    assert lines[-1] == "Optimization Done."


def test_test_initialization_false_skips_the_first_test(make, caplog):
    caplog.set_level(logging.INFO, "torchcaffe")
    make("test_iter: 1 test_interval: 2 test_initialization: false").step(3)
    tests = [record.getMessage() for record in caplog.records if "Testing" in record.getMessage()]
    assert tests == ["Iteration 2, Testing net (#0)"]


def test_snapshot_names_and_times(make, tmp_path):
    make("snapshot: 4").solve()
    names = {path.name for path in tmp_path.iterdir()}
    expected = {f"run_iter_{i}.{kind}" for i in (4, 8, 10) for kind in ("caffemodel", "solverstate", "runstate.npz")}
    assert names == expected


@pytest.mark.parametrize(("settings", "files"), [("snapshot_after_train: false", 0), ("snapshot: 5", 6)])
def test_last_snapshot(make, tmp_path, settings, files):
    make(settings).solve()
    assert len(list(tmp_path.iterdir())) == files


@pytest.mark.parametrize("solver_type", SOLVERS)
@pytest.mark.parametrize("snapshot_format", ["BINARYPROTO", "HDF5"])
def test_restored_training_is_the_same_training(make, tmp_path, solver_type, snapshot_format):
    # The data must be the same from the snapshot on: constant, because no cursor is part of a solver state.
    constant = NET.replace('type: "gaussian" std: 1 }', 'type: "constant" value: 0.7 }')
    settings = f'snapshot_format: {snapshot_format} lr_policy: "multistep" gamma: 0.5 stepvalue: 1 stepvalue: 4'
    base = BASE.replace('lr_policy: "fixed"', "")
    whole = make(settings, constant, SOLVERS[solver_type], base)
    whole.step(3)
    _, state = whole.snapshot()
    whole.step(3)
    resumed = make(settings, constant, SOLVERS[solver_type], base)
    resumed.restore(state)
    assert (resumed.iter, resumed.current_step) == (3, 1)
    resumed.step(3)
    for blob, other in zip(weights(whole), weights(resumed), strict=True):
        np.testing.assert_array_equal(blob, other)


def test_a_state_finds_its_weights_beside_it_when_both_were_moved(make, tmp_path):
    solver = make()
    solver.step(2)
    model, state = solver.snapshot()
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    model.rename(moved / model.name)
    state.rename(moved / state.name)
    fresh = make()
    fresh.restore(moved / state.name)
    np.testing.assert_array_equal(weights(fresh)[0], weights(solver)[0])
    (moved / model.name).unlink()
    with pytest.raises(FormatError, match=r"its weights .*run_iter_2\.caffemodel do not exist"):
        make().restore(moved / state.name)


def test_a_state_of_another_solver_or_net_changes_nothing(make):
    _, state = make(cls=SOLVERS["Adam"]).snapshot()
    solver = make()
    before = weights(solver)
    with pytest.raises(NetError, match="holds 12 history blobs and this solver keeps 6"):
        solver.restore(state)
    _, state = make(net=NET.replace("num_output: 4", "num_output: 7")).snapshot()
    with pytest.raises(NetError, match=r"history blob 0 has shape \(7, 2, 3, 3\), the parameter \(4, 2, 3, 3\)"):
        solver.restore(state)
    assert solver.iter == 0
    for blob, other in zip(before, weights(solver), strict=True):
        np.testing.assert_array_equal(blob, other)


def test_weights_field_loads_files_in_order(make, tmp_path):
    solver = make()
    write_weights(tmp_path / "a.caffemodel", solver.network.net, solver.network.weights())
    other = {"ip": [np.full((3, 5), 2, np.float32), np.zeros(3, np.float32)]}
    write_weights(tmp_path / "b.caffemodel", parse_net(NET), other)
    base = BASE.replace("random_seed: 4", "random_seed: 9")
    loaded = make(
        f'weights: "{tmp_path}/a.caffemodel, {tmp_path}/b.caffemodel" test_iter: 1 test_interval: 5', base=base
    )
    assert (loaded.network.weights()["ip"][0] == 2).all()
    np.testing.assert_array_equal(loaded.network.weights()["conv"][0], solver.network.weights()["conv"][0])


def test_stop_and_snapshot_requests(make, tmp_path):
    solver = make("test_iter: 3 test_interval: 100")
    answers = iter([Action.NONE] * 3 + [Action.NONE, Action.SNAPSHOT, Action.STOP])
    solver.request = lambda: next(answers, Action.NONE)
    solver.solve()
    assert solver.iter == 3
    assert {path.name.split(".")[0] for path in tmp_path.iterdir()} == {"run_iter_2", "run_iter_3"}


def test_a_stop_during_a_test_ends_it(make):
    solver = make("test_iter: 3 test_interval: 2 snapshot_after_train: false")
    solver.request = lambda: Action.STOP
    solver.solve()
    assert solver.iter == 0
    solver.request = lambda: Action.NONE
    solver.solve()
    assert solver.iter == 10


def test_shared_parameters_are_updated_once(make):
    shared = """layer { name: "%s" type: "InnerProduct" bottom: "%s" top: "%s" param { name: "w" } param { name: "b" }
      inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }"""
    net = f"""{DATA.replace("dim: 2 dim: 5 dim: 5", "dim: 5")} {shared % ("one", "data", "one")}
      {shared % ("two", "one", "two")}
      layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "two" bottom: "label" top: "loss" }}"""
    solver = make(net=net)
    assert len(solver.updater.history) == 2
    solver.step(2)
    found = solver.network.weights()
    np.testing.assert_array_equal(found["one"][0], found["two"][0])


# -- pycaffe -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def solver_file(tmp_path, monkeypatch):
    (tmp_path / "net.prototxt").write_text(NET)
    path = tmp_path / "solver.prototxt"
    path.write_text(BASE + 'net: "net.prototxt" test_iter: 2 test_interval: 5 type: "Adam"')
    monkeypatch.chdir(tmp_path)
    return path


def test_pycaffes_view_trains_the_same(solver_file):
    seen, plain = caffe.AdamSolver(str(solver_file)), get_solver("solver.prototxt")
    assert type(plain) is caffe.AdamSolver
    loss = []
    for _ in range(4):
        seen.net.forward()
        seen.step(1)
        loss.append(float(seen.net.blobs["loss"].data))
    # The extra pass of ``forward`` takes a batch, so compare with a solver that skips batches too.
    expected = []
    for _ in range(4):
        plain.network.run()
        expected.append(next(plain.steps(1)))
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    np.testing.assert_allclose(seen.net.params["conv"][0].data, plain.network.weights()["conv"][0], rtol=1e-5)
    assert seen.test_nets[0].blobs["accuracy"].data.shape == ()
    assert seen.iter == 4


def test_apply_update_subtracts_the_rate_times_the_diff(solver_file):
    solver = caffe.SGDSolver(str(solver_file))
    solver.param.weight_decay = 0
    data = solver.net.layers[1].blobs[0].data
    data[...] = 0
    solver.net.layers[1].blobs[0].diff[...] = 1
    assert solver.lr == pytest.approx(0.1)
    solver.apply_update()
    np.testing.assert_allclose(data, -0.1, atol=1e-7)
    assert solver.iter == 1


def test_callbacks(solver_file):
    solver, calls = get_solver(solver_file), []
    solver.add_callback(lambda: calls.append("start"), lambda: calls.append("gradients"))
    solver.step(2)
    assert calls == ["start", "gradients"] * 2


def test_snapshot_prefix_by_default_and_in_a_folder(solver_file, tmp_path):
    assert Solver(solver_file).param.snapshot_prefix == str(tmp_path / "solver")
    (tmp_path / "snapshots").mkdir()
    solver_file.write_text(solver_file.read_text() + 'snapshot_prefix: "snapshots"')
    assert Solver(solver_file).param.snapshot_prefix == "snapshots/solver"
    model, _ = Solver(solver_file).snapshot()
    assert read_weights(model).keys() == {"conv", "frozen", "ip"}


# -- bad input ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ('type: "Adamm"', "unknown solver type 'Adamm'"),
        ('regularization_type: "L3"', "unknown regularization_type 'L3'; use one of L1, L2"),
        ("iter_size: 0", "iter_size must be at least 1; got 0"),
        ("average_loss: 0", "average_loss must be at least 1"),
        ("display: -1", "display must be at least 0"),
        ("test_iter: 1", "test_interval must be positive when there is a test_iter"),
        ("test_iter: 0 test_interval: 1", "test_iter must be at least 1"),
        ("test_iter: 1 test_interval: 1 test_state {} test_state {}", "test_state is given 2 times for 1 test nets"),
        (
            'train_net: "x"',
            "exactly one of net, net_param, train_net, train_net_param .* net_param and train_net are given",
        ),
        ('test_net: "x"', "test_iter is given 0 times for 1 test nets"),
    ],
)
def test_settings_that_caffe_would_abort_on(make, settings, sentence):
    with pytest.raises(NetError, match=sentence):
        make(settings)


def test_a_net_beside_the_solver_but_not_in_the_working_directory(solver_file, tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    with pytest.raises(NetError, match=r"net file net\.prototxt does not exist in the working directory .*; run from"):
        Solver(solver_file)


def test_weights_that_do_not_fit_name_file_and_shapes(make, tmp_path):
    wrong = {"ip": [np.zeros((4, 5), np.float32), np.zeros(4, np.float32)]}
    write_weights(tmp_path / "wrong.caffemodel", parse_net(NET), wrong)
    with pytest.raises(NetError, match=r"wrong\.caffemodel: .*'ip'.*\(3, 5\).*\(4, 5\)"):
        make(f'weights: "{tmp_path}/wrong.caffemodel"')


def test_a_snapshot_place_that_cannot_be_written(make, tmp_path):
    solver = make()
    (tmp_path / "file").write_text("")
    solver.param.snapshot_prefix = f"{tmp_path}/file/run"
    with pytest.raises(FormatError, match="cannot be written"):
        solver.solve()
    assert solver.iter == 0
    solver.param.snapshot = 1
    with pytest.raises(FormatError, match="cannot be written"):
        Solver(solver.param)
