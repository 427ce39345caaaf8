"""A trained net with one head, which anything opens that opens nets."""

from __future__ import annotations

import numpy as np
import pytest

from deepvis.model.model import open_model
from finetune.__main__ import main
from finetune.evaluation.heads import class_scores
from finetune.evaluation.scores import Scorer
from finetune.methods import METHODS
from finetune.study.file import read_study
from finetune.study.reopening import reopen
from finetune.study.running import running
from finetune.training.prepared import Setting
from prototxt.common.progress import with_bar
from prototxt.lint import lint_net

ROWS = '[evaluation]\nweights = true\n[[methods]]\nmethod = "own-conv2"\nseeds = [0]\n'


@pytest.fixture
def run(files, tmp_path):
    more = ROWS.replace("own-conv2", "widen").replace("seeds = [0]", "seeds = [0]\noptions = {layers = 1}")
    with_bar(running(read_study(files.study(more)), tmp_path / "out", files.cache), quiet=True)
    return next((tmp_path / "out").rglob("seed-0"))


@pytest.mark.parametrize(("head", "classes"), [("target", ("lying", "standing")), ("source", ("red", "green", "blue"))])
def test_a_head_alone_scores_as_it_did(head, classes, run, files, source, target, tmp_path, capsys):
    main(["export", str(run), str(tmp_path / "net"), "--head", head, "--cache", str(files.cache)])
    assert 'classes = "' in capsys.readouterr().out
    model = open_model(
        tmp_path / "net/net.prototxt", preprocessing=tmp_path / "net/pixels.json", classes=tmp_path / "net/classes.txt"
    )
    assert model.classes == classes
    assert lint_net(model.net) == []
    assert [layer.type for layer in model.net.layer].count("Softmax") == 1
    before = reopen(run, files.cache).heads[head]
    part = {"target": target, "source": source}[head].test
    wanted = with_bar(before.scoring(part), quiet=True)
    scorer = Scorer(model.test_net, model.weights, model.preprocessing)
    found = with_bar(scorer.scoring(part, class_scores(model.net)), quiet=True)
    assert np.array_equal(found.logits, wanted.logits)


def test_the_new_task_leaves_out_what_only_the_old_head_needs(run, files, tmp_path):
    layers = {}
    for head in ("target", "source"):
        main(["export", str(run), str(tmp_path / head), "--head", head, "--cache", str(files.cache)])
        layers[head] = {layer.name for layer in open_model(tmp_path / head / "net.prototxt").net.layer}
    assert "fc4" in layers["source"] - layers["target"]
    assert "conv2_new" in layers["target"] - layers["source"]


def test_a_third_task_finds_names_that_are_free(run, files, source, target, tmp_path):
    main(["export", str(run), str(tmp_path / "net"), "--cache", str(files.cache)])
    model = open_model(tmp_path / "net/net.prototxt", preprocessing=tmp_path / "net/pixels.json")
    setting = Setting(model, target, source, lambda profile: pytest.fail("nothing here asks for H"))
    assert (setting.suffix, setting.head) == ("_new2", "fc8_new2")
    prepared = METHODS["widen"](setting, layers=1)
    added = {layer.name: layer.type for layer in prepared.net.layer if layer.name.endswith("_new2")}
    assert sorted(added.values()).count("Convolution") == 1
    assert added["fc8_new2"] == "InnerProduct"
    assert METHODS["own-fc"](setting).old_output == "fc8_new"
