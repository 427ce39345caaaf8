"""A plan on the plain net: the numbers of the split net, without a quantiser."""

from pathlib import Path

import numpy as np
import pytest

from entropy import PlanError, SolverSettings, Task, apply_plan, measure, plan, write
from prototxt.common.errors import NetError
from prototxt.formats.text import read_net, read_solver, write_message
from prototxt.net.phases import filter_net
from prototxt.split import filter_rows, merge_weights
from torchcaffe.solver import Solver


@pytest.fixture(
    scope="module", params=[{"method": 2, "share": 0.4}, {"method": 5, "levels": None}], ids=["2", "5 exact"]
)
def written(request, small, tmp_path_factory):
    made = plan(measure(small.scan, bins=16), **request.param)
    task = Task(images=small.images, head="fc_new", batch=4)
    settings = SolverSettings(base_lr=0.01, max_iter=9)
    return write(made, small.net, small.weights, settings, out=tmp_path_factory.mktemp("run"), task=task)


def solver_of(folder, name, monkeypatch, join=False, **fields):
    monkeypatch.chdir(folder)
    param = read_solver(Path(f"solver{name}.prototxt"))
    param.random_seed = 1
    for field, value in fields.items():
        setattr(param, field, value)
    solver = Solver(param, "cpu", join=join)
    solver.load_weights("plain.caffemodel" if name else "split.caffemodel")
    return solver


def test_the_plain_net_learns_as_the_split_one(written, monkeypatch):
    split, plain = (solver_of(written.folder, name, monkeypatch) for name in ("", "_plain"))
    before = plain.network.weights()
    apply_plan(plain, written.plan)
    for solver in (split, plain):
        solver.step(6)
    expected, found = merge_weights(split.network.weights(), written.plan.split), plain.network.weights()
    for name, blobs in expected.items():
        for blob, other in zip(blobs, found[name], strict=True):
            np.testing.assert_allclose(other, blob, rtol=0, atol=1e-6, err_msg=name)
    layers = {layer.name: layer for layer in read_net("net_plain.prototxt").layer}
    for name, rates in written.plan.multipliers.items():
        pairs = zip(filter_rows(layers[name], before[name]), filter_rows(layers[name], found[name]), strict=True)
        for was, now in pairs:
            for unit, rate in enumerate(rates):
                assert (was[unit].tobytes() == now[unit].tobytes()) == (rate == 0), (name, unit)


def test_the_split_net_joined_learns_as_apart(written, monkeypatch):
    apart, joined = (solver_of(written.folder, "", monkeypatch, join=join) for join in (False, True))
    assert joined.stored[0].layers == written.plan.split or written.plan.levels is None  # names hold six digits
    plain = filter_net(read_net("net_plain.prototxt"), "TRAIN")
    assert [layer.name for layer in joined.network.layers] == [layer.name for layer in plain.layer]
    for solver in (apart, joined):
        solver.step(6)
    expected, found = apart.network.weights(), joined.stored[0].weights()
    assert list(found) == list(expected)
    for name, blobs in expected.items():
        for blob, other in zip(blobs, found[name], strict=True):
            np.testing.assert_allclose(other, blob, rtol=0, atol=1e-6, err_msg=name)
    with pytest.raises(PlanError, match="make one of solver_plain"):
        apply_plan(joined, written.plan)


def test_another_plan_keeps_weights_and_momentum(written, small, monkeypatch):
    solver = solver_of(written.folder, "_plain", monkeypatch)
    apply_plan(solver, written.plan)
    solver.step(2)
    weights, history = solver.network.weights(), [tensor.clone() for tensor in solver.updater.history]
    apply_plan(solver, plan(measure(small.scan, bins=16), 3))
    assert all(np.array_equal(one, other) for one, other in zip(history, solver.updater.history, strict=True))
    for name, blobs in weights.items():
        assert all(map(np.array_equal, blobs, solver.network.weights()[name]))
    solver.step(1)


def test_quantised_rates_if_asked_for(written, monkeypatch):
    solver = solver_of(written.folder, "_plain", monkeypatch)
    apply_plan(solver, written.plan, exact=False)
    lr = dict(
        zip([(entry.layer, entry.index) for entry in solver.updater.learnable], solver.updater.multipliers, strict=True)
    )
    np.testing.assert_allclose(lr["conv1", 0].lr.flatten(), written.plan.multipliers["conv1"], rtol=1e-6)
    np.testing.assert_allclose(lr["conv1", 1].lr.flatten(), 2 * written.plan.multipliers["conv1"], rtol=1e-6)
    np.testing.assert_allclose(lr["scale2", 1].lr.flatten(), written.plan.multipliers["branch/conv2"], rtol=1e-6)


def test_what_is_refused(small, monkeypatch, tmp_path):
    made = plan(measure(small.scan, bins=16), 2)
    written = write(
        made, small.net, small.weights, out=tmp_path, task=Task(images=small.images, head="fc_new", batch=4)
    )
    with pytest.raises(PlanError, match="clip_gradients is 1"):
        apply_plan(solver_of(written.folder, "_plain", monkeypatch, clip_gradients=1), made)
    with pytest.raises(NetError, match="'conv1' is a Concat"):
        apply_plan(solver_of(written.folder, "", monkeypatch), made)
    moving = read_net(tmp_path / "net_plain.prototxt")
    for layer in moving.layer:
        layer.batch_norm_param.Clear()
    write_message(tmp_path / "net_plain.prototxt", moving)
    with pytest.raises(PlanError, match=r"'bn2' .*moves its statistics"):
        apply_plan(solver_of(written.folder, "_plain", monkeypatch), made)
