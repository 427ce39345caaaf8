"""A folder is trained in, and what comes of it is put together again."""

import json
import re

import pytest

from entropy import CheckError, PlanError, merge
from prototxt.common.errors import InputError
from prototxt.formats.solverstate import read_solverstate
from prototxt.formats.text import read_net
from prototxt.formats.weights import read_weights, write_weights
from prototxt.split import filter_rows
from torchcaffe.network import Network


def test_training_moves_the_free_filters_only_and_merge_gives_ordinary_models(folder, small, made, train):
    train(folder)
    out = folder / "merged.caffemodel"
    merged = merge(
        folder, folder / "split_iter_4.caffemodel", out, net=small.net, weights=small.weights,
        state=folder / "split_iter_4.solverstate",
    )  # fmt: skip
    assert [path.name for path in merged.files] == [
        "merged.caffemodel", "merged_head.caffemodel", "merged_head.solverstate",
    ]  # fmt: skip
    source, result = read_weights(small.weights), read_weights(out)
    assert list(result) == list(source)
    layers = {layer.name: layer for layer in read_net(small.net).layer}
    for change in merged.changes:
        rates = made.multipliers[change.layer]
        assert (change.frozen, change.free) == ((rates == 0).sum(), (rates > 0).sum())
        pairs = zip(*(filter_rows(layers[change.layer], w[change.layer]) for w in (source, result)), strict=True)
        for before, after in pairs:
            frozen = rates == 0
            assert before[frozen].tobytes() == after[frozen].tobytes()
    assert result["fc4"][0].tobytes() == source["fc4"][0].tobytes()  # the source's own head
    assert result["fc3"][0].tobytes() != source["fc3"][0].tobytes()
    assert sum(change.moved for change in merged.changes) > 0
    # Both results load where they belong, and momentum is there for every blob of the plain net.
    Network(read_net(small.net), weights=result)
    head = read_weights(folder / "merged_head.caffemodel")
    deploy = Network(read_net(folder / "deploy.prototxt"), weights=head)
    assert set(deploy.params) <= set(head)
    state = read_solverstate(folder / "merged_head.solverstate")
    plain = Network(read_net(folder / "net_plain.prototxt"), "TRAIN", weights=head)
    assert [blob.shape for blob in state.history] == [tuple(entry.parameter.shape) for entry in plain.learnable]


@pytest.mark.caffe
def test_the_printed_command_trains_in_real_caffe(folder, real_caffe):
    log = real_caffe.run("train", "-solver", "solver.prototxt", "-weights", "split.caffemodel", cwd=folder).stdout
    assert "Optimization Done" in log, log[-2000:]
    assert len(re.findall(r"accuracy = ", log)) == 3
    merged = merge(folder, folder / "split_iter_4.caffemodel", folder / "merged.caffemodel")
    assert sum(change.moved for change in merged.changes) > 0


def test_plain_training_starts_from_the_same_loss(folder, train):
    train(folder, "solver_plain.prototxt", "plain.caffemodel")
    assert (folder / "plain_iter_4.caffemodel").is_file()


def test_a_snapshot_with_changed_frozen_filters_is_refused(folder):
    weights = read_weights(folder / "split.caffemodel")
    weights["conv1__g0_lr0"][0][0] += 1
    write_weights(folder / "bad.caffemodel", read_net(folder / "net_split.prototxt"), weights)
    with pytest.raises(CheckError, match="frozen layer 'conv1__g0_lr0' is not bit-identical"):
        merge(folder, folder / "bad.caffemodel", folder / "merged.caffemodel")
    assert not (folder / "merged.caffemodel").exists()


def test_nothing_is_merged_if_the_solver_state_is_broken(folder, small):
    state = folder / "x.solverstate"
    state.write_bytes(b"no state")
    before = sorted(folder.iterdir())
    for source in ({}, {"net": small.net, "weights": small.weights}):
        with pytest.raises(InputError, match=r"x\.solverstate"):
            merge(folder, folder / "split.caffemodel", folder / "merged.caffemodel", state=state, **source)
    assert sorted(folder.iterdir()) == before


def test_merging_needs_the_source_that_the_plan_is_for(folder, small):
    with pytest.raises(PlanError, match="both its net and its weights"):
        merge(folder, folder / "split.caffemodel", folder / "x.caffemodel", net=small.net)
    with pytest.raises(PlanError, match="not the caffemodel that the plan was made for"):
        merge(
            folder, folder / "split.caffemodel", folder / "x.caffemodel", net=folder / "deploy.prototxt",
            weights=folder / "plain.caffemodel",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda split: split[0]["parts"].pop(), "layer 'conv1': filter .* is in no part in split; undo the change"),
        (lambda split: split.pop(), "split does not say of which layer 'scale2__g0_lr0' is a part, and net_plain"),
        (lambda split: split.clear(), "split does not say of which layer 'conv1__g0_lr0' is a part, and net_plain"),
    ],
)  # fmt: skip
def test_a_plan_that_was_edited_is_refused_before_anything_is_written(change, message, folder, small):
    content = json.loads((folder / "plan.json").read_text())
    change(content["split"])
    (folder / "plan.json").write_text(json.dumps(content))
    before = sorted(folder.iterdir())
    for source in ({}, {"net": small.net, "weights": small.weights}):
        with pytest.raises(PlanError, match=rf"{folder.name}/plan\.json: {message}"):
            merge(folder, folder / "split.caffemodel", folder / "merged.caffemodel", **source)
    assert sorted(folder.iterdir()) == before
