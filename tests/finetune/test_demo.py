import sys

import numpy as np
import pytest

from deepvis.progress import with_bar
from finetune import trainers
from finetune.__main__ import main
from finetune.demo import DemoSettings, bins_for, run_demo
from finetune.errors import ExperimentError
from finetune.study import write_report

SOLVER = 'net: "net.prototxt"\nbase_lr: 0.1\nlr_policy: "fixed"\nmax_iter: 4\n'
TALK = """
import sys
for iteration in (0, 2):
    print(f"I1120 solver.cpp:239] Iteration {iteration} (1 iter/s, 1s/2 iters), loss = {1 / (1 + iteration)}")
    print(f"I1120 solver.cpp:347] Iteration {iteration}, Testing net (#0)")
    print("I1120 solver.cpp:414]     Test net output #0: accuracy = 0.5")
sys.exit(CODE)
"""


@pytest.fixture
def talking_trainer(monkeypatch, tmp_path):
    """A trainer that says a few lines and ends with the given exit code."""
    (tmp_path / "solver.prototxt").write_text(SOLVER)

    def make(code):
        monkeypatch.setitem(trainers.TRAINERS, "fake", lambda: [sys.executable, "-c", TALK.replace("CODE", str(code))])
        return trainers.train("fake", tmp_path, "solver.prototxt", "w.caffemodel", tmp_path / "train.log", "train")

    return make


def test_training_is_followed_and_logged(talking_trainer, tmp_path):
    steps = []
    work = talking_trainer(0)
    while True:
        try:
            steps.append(next(work))
        except StopIteration as stop:
            log = stop.value
            break
    assert [(step.done, step.total) for step in steps] == [(0, 4), (0, 4), (0, 4), (2, 4), (2, 4), (4, 4)]
    assert log.losses == [(0, 1.0), (2, pytest.approx(1 / 3))]
    assert [outputs for _, outputs in log.tests] == [{"accuracy": 0.5}] * 2
    assert (tmp_path / "train.log").read_text().count("\n") == 6


def test_a_trainer_that_fails_is_quoted(talking_trainer, tmp_path):
    with pytest.raises(ExperimentError, match=r"exit code 3 \(.*accuracy = 0.5\); the whole log is .*train.log"):
        with_bar(talking_trainer(3), quiet=True)


def test_a_cancelled_training_ends_its_program(monkeypatch, tmp_path):
    (tmp_path / "solver.prototxt").write_text(SOLVER)
    started = []
    popen = trainers.subprocess.Popen

    def keep(*arguments, **options):
        started.append(popen(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(trainers.subprocess, "Popen", keep)
    monkeypatch.setitem(trainers.TRAINERS, "fake", lambda: [sys.executable, "-c", "import time; time.sleep(60)"])
    work = trainers.train("fake", tmp_path, "solver.prototxt", "w", tmp_path / "train.log", "train")
    next(work)
    work.close()
    assert started[0].poll() is not None


@pytest.mark.parametrize(("images", "bins"), [(5, 2), (40, 4), (720, 64), (2559, 128), (2560, 256), (10**6, 256)])
def test_ten_pictures_a_bin(images, bins):
    assert bins_for(images) == bins


def test_files_of_others_are_not_removed(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ExperimentError, match="not the demo's"):
        run_demo(DemoSettings(out=tmp_path))
    assert (tmp_path / "thesis.tex").exists()


def test_bad_settings_leave_nothing_behind(tmp_path):
    with pytest.raises(ExperimentError, match="no trainer 'keras'; use one of caffe, torchcaffe"):
        run_demo(DemoSettings(out=tmp_path / "demo", trainer="keras"))
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "moonshot"], "no experiment 'moonshot'; there is demo"),
        (["report", "nowhere"], "holds no demo.json"),
        (["run", "demo", "--images", "nowhere", "--out", "made"], "does not exist"),
    ],
)
def test_bad_input_is_a_sentence(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_list_names_the_experiments(capsys):
    main(["list"])
    assert capsys.readouterr().out.startswith("demo ")


def test_report_needs_a_demo(tmp_path):
    with pytest.raises(ExperimentError, match="make demo"):
        write_report(tmp_path)


def test_probabilities_are_those_of_the_net(tmp_path):
    from deepvis.model import open_model
    from finetune.study import probabilities
    from prototxt.build import layer, net
    from prototxt.preprocess import Preprocessing
    from prototxt.text import write_message
    from prototxt.weights import write_weights

    small = net(
        "small",
        [
            layer("Input", "data", [], ["data"], input_param={"shape": [{"dim": [1, 3, 2, 2]}]}),
            layer("InnerProduct", "fc", ["data"], ["fc"], inner_product_param={"num_output": 2}),
            layer("Softmax", "prob", ["fc"], ["prob"]),
        ],
    )
    weights = {"fc": [np.array([[1.0] * 4 + [0.0] * 8, [0.0] * 12], np.float32), np.zeros(2, np.float32)]}
    write_message(tmp_path / "small.prototxt", small)
    write_weights(tmp_path / "small.caffemodel", small, weights)
    (tmp_path / "pixels.json").write_text(Preprocessing(channel_order="RGB", raw_scale=1 / 255).to_json())
    model = open_model(tmp_path / "small.prototxt", preprocessing=tmp_path / "pixels.json")
    pictures = np.zeros((2, 2, 2, 3), np.uint8)
    pictures[1, :, :, 0] = 255
    expected = [[0.5, 0.5], [1 / (1 + np.exp(-4)), 1 / (1 + np.exp(4))]]
    np.testing.assert_allclose(probabilities(model, weights, pictures), expected, rtol=1e-6)
