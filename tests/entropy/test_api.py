"""The three lines that the method is."""

import pytest

import entropy


def test_measure_plan_write(small, tmp_path, monkeypatch):
    """Of a train_val net as it is; a first folder, of paths as text, makes one of the small deploy net."""
    task = entropy.Task(images=str(small.images), head="fc_new", batch=4, mirror=False)
    first = entropy.plan(entropy.measure(small.scan, bins=16), 1)
    entropy.write(first, small.net, small.weights, task=task, out=tmp_path / "first")
    monkeypatch.chdir(tmp_path / "first")
    scan, net, weights, solver = small.scan, "net_plain.prototxt", small.weights, "solver_plain.prototxt"

    with pytest.warns(entropy.FewImagesWarning):
        H = entropy.measure(scan)  # noqa: N806
    plan = entropy.plan(H, method=2)
    entropy.write(plan, net, weights, solver)

    loss, gradients = entropy.check("run", use_caffe=False)
    assert (loss.engine, loss.difference) == ("torchcaffe", 0)
    assert gradients.difference < 1e-5
    assert entropy.read_plan("run/plan.json").share_free == 2 / 16
