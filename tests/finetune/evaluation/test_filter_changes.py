import csv

import numpy as np
import pytest

from finetune.evaluation.filter_changes import Net, measuring_changes
from finetune.methods.parts.start import start
from prototxt.common.progress import with_bar
from prototxt.net.graph import Value
from torchcaffe.network import Network


@pytest.fixture
def both(setting):
    return start(setting).extended


def rows_of(model, both, weights, rates, part):
    before = Net(model.test_net, model.weights)
    text = with_bar(measuring_changes(before, Net(both.net, weights), rates, model.preprocessing, part), quiet=True)
    return {(row["layer"], int(row["index"])): row for row in csv.DictReader(text.splitlines())}


def test_every_filter_of_the_source_net_has_a_row(model, source, both):
    rates = {"conv2": np.array([0.0, 0.25] * 5), "fc3": 1.0}
    found = rows_of(model, both, both.weights, rates, source.test)
    assert len(found) == 8 + 10 + 12 + 3
    assert {row["weight_change"] for row in found.values()} == {"0"}
    assert {row["activity_change"] for (layer, _), row in found.items() if layer.startswith("conv")} == {"0"}
    assert {row["activity_change"] for (layer, _), row in found.items() if layer.startswith("fc")} == {""}
    assert (found["conv2", 1]["rate"], found["conv2", 2]["rate"], found["fc3", 0]["rate"]) == ("0.25", "0", "1")


def test_changes_of_a_filter_against_a_pass_of_its_own(model, source, both):
    weights = {name: [blob.copy() for blob in blobs] for name, blobs in both.weights.items()}
    weights["conv1"][0][3] *= 1.5
    weights["conv1"][1][3] *= 1.5
    found = rows_of(model, both, weights, {}, source.test)
    assert float(found["conv1", 3]["weight_change"]) == pytest.approx(0.5, rel=1e-5)
    changed = {key for key, row in found.items() if float(row["weight_change"]) > 0}
    assert changed == {("conv1", 3)}
    answers = []
    for given in (model.weights, weights):
        network = Network(both.net, "TEST", weights=dict(both.weights) | dict(given), seed=0)
        maps = [
            network.run({"data": model.preprocessing.apply(image)[None]}, ["conv1"])[Value("conv1", 1)]
            for image in source.test.images
        ]
        answers.append(np.array([each[0].detach().numpy().mean((1, 2)) for each in maps]))
    before, after = (each[:, 3].astype(float) for each in answers)
    row = found["conv1", 3]
    assert float(row["activity_change"]) == pytest.approx(abs(after.mean() - before.mean()) / before.std(), rel=1e-3)
    assert float(row["correlation"]) == pytest.approx(np.corrcoef(before, after)[0, 1], abs=1e-4)
