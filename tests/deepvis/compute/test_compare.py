"""Before and after fine-tuning, against plain loops over filters and pictures."""

from dataclasses import replace

import numpy as np
import pytest

from deepvis.compute.compare import After, Comparison, relative_change
from deepvis.engines.engine import Engine, Frame
from deepvis.errors import ModelError
from prototxt.formats.weights import write_weights


def tuned(model, path, change):
    """Write the model's weights with ``change`` made to a copy of them."""
    weights = {name: [array.copy() for array in arrays] for name, arrays in model.weights.items()}
    change(weights)
    write_weights(path, model.net, weights)
    return After.read(path, model)


def double_two_filters(weights):
    weights["conv1"][0][1] *= 2
    weights["up"][0][:, 1] += 1


def test_relative_change_of_rows():
    before = np.array([[3.0, 4.0], [0.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    after = np.array([[3.0, 9.0], [0.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    assert relative_change(before, after).tolist() == [1.0, 0.0, np.inf, 0.0]


def test_changes_are_those_of_a_plain_loop(make_model, make_pictures, tmp_path):
    model, pictures = make_model(), make_pictures(5)
    after = tuned(model, tmp_path / "after.caffemodel", double_two_filters)
    both = Comparison(Engine(model), after)
    assert list(both.measuring(pictures)) == [1, 2, 3, 4, 5]
    changes = {change.layer: change for change in both.changes()}
    assert changes["conv1"].weights.tolist() == [0, 1, 0, 0, 0]
    own = model.weights["up"][0][:, 1].astype(float)
    assert changes["up"].weights[1] == pytest.approx(np.sqrt(own.size) / np.linalg.norm(own))
    assert changes["up"].weights[0] == 0
    nets = Engine(model), Engine(replace(model, weights=after.weights))
    for name, change in changes.items():
        value = nets[0].net.layer(name).value
        for net, means in zip(nets, (change.before, change.after), strict=True):
            rows = [
                net.forward(Frame("", pictures.read(place))).maps[value].reshape(len(means), -1).mean(1)
                for place in range(5)
            ]
            np.testing.assert_allclose(means, np.mean(rows, 0), rtol=1e-6)
    unchanged = changes["conv1"].weights == 0
    np.testing.assert_array_equal(changes["conv1"].before[unchanged], changes["conv1"].after[unchanged])


def test_measuring_goes_on_where_it_was_left(make_model, make_pictures, tmp_path):
    model, pictures = make_model(), make_pictures(4)
    after = tuned(model, tmp_path / "after.caffemodel", double_two_filters)
    both, other = Comparison(Engine(model), after), Comparison(Engine(model), after)
    next(both.measuring(pictures))
    assert list(both.measuring(pictures)) == [2, 3, 4]
    assert list(other.measuring(pictures)) == [1, 2, 3, 4]
    for one, two in zip(both.changes(), other.changes(), strict=True):
        np.testing.assert_array_equal(one.after, two.after)
    assert next(both.measuring(make_pictures(2, folder="more"))) == 1


def test_a_picture_that_cannot_be_read_is_left_out(make_model, make_pictures, tmp_path):
    model, pictures = make_model(), make_pictures(3)
    pictures.path(1).write_bytes(b"no picture")
    both = Comparison(Engine(model), tuned(model, tmp_path / "after.caffemodel", double_two_filters))
    assert list(both.measuring(pictures)) == [1, 2, 3]
    assert both.seen == 2
    assert np.isfinite(both.changes()[0].before).all()


def test_another_head_is_left_out(make_model, make_pictures, tmp_path):
    def another_head(weights):
        weights["fc8"] = [np.zeros((7, 6), np.float32), np.zeros(7, np.float32)]

    model = make_model()
    both = Comparison(Engine(model), tuned(model, tmp_path / "after.caffemodel", another_head))
    list(both.measuring(make_pictures(1)))
    assert "fc8" not in both.layers
    assert all(np.isfinite(change.after).all() for change in both.changes())

    def another_start(weights):
        weights["branch/left"] = [np.zeros((9, 5, 3, 3), np.float32)]

    both = Comparison(Engine(model), tuned(model, tmp_path / "start.caffemodel", another_start))
    list(both.measuring(make_pictures(1, folder="start")))
    known = {change.layer: np.isfinite(change.after).all() for change in both.changes()}
    assert known == {"conv1": True, "100% right": False, "up": False, "fc": False, "fc8": False}


def test_weights_of_another_net_are_refused(make_model, tmp_path):
    model = make_model()
    write_weights(tmp_path / "other.caffemodel", model.net, {"conv1": [np.zeros((2, 3, 3, 3), np.float32)]})
    with pytest.raises(ModelError, match="holds no layer of small with filters of the same shape"):
        After.read(tmp_path / "other.caffemodel", model)


def test_the_comparison_is_kept_while_the_engine_is_the_same(make_model, tmp_path):
    model = make_model()
    after, engine = tuned(model, tmp_path / "after.caffemodel", double_two_filters), Engine(model)
    assert after.beside(engine) is after.beside(engine)
    other = make_model("RGB")
    assert after.beside(Engine(other)).before.model is other
