import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss

from finetune.errors import ExperimentError
from finetune.evaluation.heads import class_scores, trunk_value
from finetune.evaluation.probe import probe_accuracy
from finetune.evaluation.scores import Scorer, Scores, read_scores, write_scores
from finetune.methods.parts.start import start
from finetune.tasks.task import Part
from prototxt.common.progress import with_bar
from prototxt.net.graph import Value


@pytest.fixture
def both(setting):
    return start(setting).extended


def of(scorer, part, output):
    return with_bar(scorer.scoring(part, output), quiet=True)


def test_every_image_once_as_the_model_itself_sees_it(model, source, target, both):
    scorer = Scorer(both.net, both.weights, model.preprocessing)
    found = of(scorer, source.test, both.old_output)
    network = model.network()
    for row, image in enumerate(source.test.images):
        blob = model.preprocessing.apply(image)[None]
        expected = network.run({"data": blob}, ["fc4"])[Value("fc4")]
        np.testing.assert_allclose(found.logits[row], expected[0], atol=1e-5)
    assert of(scorer, target.test, both.new_output).logits.shape == (30, 2)


def test_ten_crops_are_the_mean_of_ten_probabilities(model, source, both):
    few = source.test.some(np.arange(4))
    found = of(Scorer(both.net, both.weights, model.preprocessing, "ten"), few, both.old_output)
    network = model.network()
    for row, image in enumerate(few.images):
        views = [image[y : y + 12, x : x + 12] for y, x in ((0, 0), (0, 2), (2, 0), (2, 2), (1, 1))]
        views += [view[:, ::-1] for view in views]
        outputs = [
            network.run({"data": model.preprocessing.apply(np.ascontiguousarray(view))[None]}, ["prob"])[Value("prob")]
            for view in views
        ]
        np.testing.assert_allclose(softmax(found.logits[row]), np.mean(outputs, axis=0)[0], atol=1e-5)


def test_numbers_are_those_of_scikit_learn():
    random = np.random.default_rng(0)
    scores = Scores(random.normal(size=(50, 4)).astype(np.float32), random.integers(0, 4, 50))
    guessed = scores.logits.argmax(1)
    assert scores.accuracy == accuracy_score(scores.labels, guessed)
    assert scores.loss == pytest.approx(log_loss(scores.labels, softmax(scores.logits.astype(float), 1)))
    assert np.array_equal(scores.confusion, confusion_matrix(scores.labels, guessed))


def test_scores_are_kept_in_half_precision(tmp_path):
    random = np.random.default_rng(0)
    kept = {name: Scores(random.normal(size=(9, 3)).astype(np.float32), np.arange(9) % 3) for name in ("a", "b")}
    write_scores(tmp_path / "logits.npz", **kept)
    found = read_scores(tmp_path / "logits.npz")
    assert set(found) == {"a", "b"}
    np.testing.assert_allclose(found["a"].logits, kept["a"].logits, atol=2e-3)
    assert np.array_equal(found["b"].labels, kept["b"].labels)
    (tmp_path / "logits.npz").write_bytes(b"nothing")
    with pytest.raises(ExperimentError, match="run the study again"):
        read_scores(tmp_path / "logits.npz")


def test_the_head_of_another_task_is_refused(model, source, both):
    with pytest.raises(ExperimentError, match="'fc8_new' has 2 class scores, but the task has 3 classes"):
        of(Scorer(both.net, both.weights, model.preprocessing), source.test, both.new_output)


def test_where_scores_and_features_are(model, both):
    assert class_scores(model.net) == "fc4"
    assert trunk_value(both.net, both.old_output) == trunk_value(both.net, both.new_output) == Value("fc3", 1)


@pytest.mark.parametrize("kind", ["ridge", "logistic"])
def test_a_probe_finds_what_a_head_has_lost(kind, model, source, both):
    """Features that were turned and stretched: the old head fails, a new linear classifier does not."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(3, 12)) * 3
    labels = np.arange(90) % 3
    features = centres[labels] + random.normal(size=(90, 12))
    turned = features @ np.linalg.qr(random.normal(size=(12, 12)))[0] * 7 + 2
    assert probe_accuracy(turned[:60], labels[:60], turned[60:], labels[60:], kind) > 0.9
    assert probe_accuracy(random.normal(size=(60, 12)), labels[:60], turned[60:], labels[60:], kind) < 0.7
    scorer = Scorer(both.net, both.weights, model.preprocessing)
    value = trunk_value(both.net, both.old_output)
    found = with_bar(scorer.features(Part.of_arrays(source.test.images, source.test.labels), value), quiet=True)
    assert found.shape == (30, 12)
    assert (found >= 0).all()
