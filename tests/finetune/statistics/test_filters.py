import numpy as np
import pytest

from finetune.statistics.filters import activity_changes, weight_changes
from prototxt.net.build import layer


def test_changes_of_weights_by_a_loop():
    random = np.random.default_rng(0)
    layers = {
        "conv": layer("Convolution", "conv", "x", convolution_param={"num_output": 6, "kernel_size": [3], "group": 2}),
        "fc": layer("InnerProduct", "fc", "x", inner_product_param={"num_output": 4, "transpose": True}),
    }
    before = {
        "conv": [random.normal(size=(6, 2, 3, 3)).astype(np.float32), random.normal(size=6).astype(np.float32)],
        "fc": [random.normal(size=(5, 4)).astype(np.float32), random.normal(size=4).astype(np.float32)],
    }
    after = {name: [blob.copy() for blob in blobs] for name, blobs in before.items()}
    after["conv"][0][2] += 0.5
    after["conv"][1][4] -= 1
    after["fc"][0][:, 1] *= 3
    changes = weight_changes(layers, before, after)
    conv = [np.linalg.norm(np.append(before["conv"][0][i], before["conv"][1][i]).astype(float)) for i in range(6)]
    expected = [0, 0, 0.5 * np.sqrt(18) / conv[2], 0, 1 / conv[4], 0]
    np.testing.assert_allclose(changes["conv"], expected, rtol=1e-6)
    column = before["fc"][0][:, 1].astype(float)
    length = np.linalg.norm(np.append(column, before["fc"][1][1]))
    np.testing.assert_allclose(changes["fc"], [0, 2 * np.linalg.norm(column) / length, 0, 0], rtol=1e-6)


def test_a_filter_of_zeros_that_learns_has_changed_infinitely():
    layers = {"fc": layer("InnerProduct", "fc", "x", inner_product_param={"num_output": 2, "bias_term": False})}
    before = {"fc": [np.zeros((2, 3), np.float32)]}
    after = {"fc": [np.array([[0, 0, 0], [0, 1, 0]], np.float32)]}
    assert weight_changes(layers, before, after)["fc"].tolist() == [0, np.inf]


def test_changes_of_activity_against_numpy():
    random = np.random.default_rng(1)
    before = random.gamma(1, 1, (200, 5))
    after = before * [1, 2, 1, 1, 0] + [0, 0, 0.5, 0, 0]
    after[:, 3] = random.gamma(1, 1, 200)
    before[:, 0] = after[:, 0] = 0
    activity, correlation = activity_changes(before, after)
    for unit in range(1, 5):
        shift = abs(after[:, unit].mean() - before[:, unit].mean()) / before[:, unit].std()
        assert activity[unit] == pytest.approx(shift)
    for unit in (1, 2, 3):
        assert correlation[unit] == pytest.approx(np.corrcoef(before[:, unit], after[:, unit])[0, 1])
    assert activity[0] == 0
    assert np.isnan(correlation[[0, 4]]).all()
