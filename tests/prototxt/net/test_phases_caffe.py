"""Which layers take part, against real Caffe on random rules and states."""

from __future__ import annotations

import json
from random import Random

import pytest

from prototxt.formats.text import write_message
from prototxt.net.build import input_layer, layer, net
from prototxt.net.phases import filter_net, unmet

LAYERS = """
import json
import os
import sys
os.environ["GLOG_minloglevel"] = "2"
import caffe
kept = []
for path, phase, level, stages in json.load(open(sys.argv[1])):
    names = caffe.Net(path, getattr(caffe, phase), level=level, stages=stages)._layer_names
    kept.append([name for name in names if "split" not in name])
json.dump(kept, open(sys.argv[2], "w"))
"""


def random_rule(rng):
    rule = {}
    if rng.random() < 0.5:
        rule["phase"] = rng.choice(["TRAIN", "TEST"])
    for name in ("min_level", "max_level"):
        if rng.random() < 0.3:
            rule[name] = rng.randint(0, 3)
    for name in ("stage", "not_stage"):
        if rng.random() < 0.35:
            rule[name] = rng.sample("abc", rng.randint(1, 2))
    return rule


def random_rules(rng):
    layers = [input_layer("data", (1, 1))]
    for number in range(8):
        kind = rng.choice(["include", "exclude", None])
        rules = {kind: [random_rule(rng) for _ in range(rng.randint(1, 2))]} if kind else {}
        layers.append(layer("ReLU", f"l{number}", "data", **rules))
    return net("rules", layers, state={"stage": rng.sample("abc", rng.randint(0, 1))})


SAYING = """
import json
import sys
import caffe
for path, phase, level, stages in json.load(open(sys.argv[1])):
    sys.stderr.write("net " + path + "\\n")
    sys.stderr.flush()
    caffe.Net(path, getattr(caffe, phase), level=level, stages=stages)
"""


@pytest.mark.caffe
def test_reasons_are_those_of_caffes_log(real_caffe, tmp_path):
    rng = Random(2)
    states, ours = [], []
    for number in range(12):
        message, path = random_rules(rng), tmp_path / f"{number}.prototxt"
        write_message(path, message)
        state = rng.choice(["TRAIN", "TEST"]), rng.randint(0, 3), rng.sample("abc", rng.randint(0, 2))
        states.append((str(path), *state))
        filtered = filter_net(message, *state).state
        ours += [f"net {path}", *(said for each in message.layer for said in unmet(each, filtered))]
    (tmp_path / "states.json").write_text(json.dumps(states))
    said = real_caffe.run_python(SAYING, tmp_path / "states.json").stdout.splitlines()
    theirs = [line.split("] ")[-1] for line in said if "The NetState" in line or line.startswith("net /")]
    assert theirs == ours
    assert len(ours) > 40


@pytest.mark.caffe
def test_the_same_layers_as_in_caffe(real_caffe, tmp_path):
    rng = Random(1)
    states, ours = [], []
    for number in range(40):
        message, path = random_rules(rng), tmp_path / f"{number}.prototxt"
        write_message(path, message)
        state = rng.choice(["TRAIN", "TEST"]), rng.randint(0, 3), rng.sample("abc", rng.randint(0, 2))
        states.append((str(path), *state))
        ours.append([each.name for each in filter_net(message, *state).layer])
    (tmp_path / "states.json").write_text(json.dumps(states))
    result = real_caffe.run_python(LAYERS, tmp_path / "states.json", tmp_path / "kept.json")
    assert result.returncode == 0, result.stdout
    assert json.loads((tmp_path / "kept.json").read_text()) == ours
    assert 80 < sum(map(len, ours)) < 320
