import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from finetune.__main__ import main
from finetune.demo import demo
from finetune.demo.comparing import write_report
from finetune.demo.demo import run_demo
from finetune.demo.steps import DemoSettings, Step, before_training, bins_for, command
from finetune.errors import ExperimentError
from finetune.training import programs as trainers
from prototxt.common.errors import INTERRUPTED, InputError
from prototxt.common.progress import with_bar

INDOOR = Path(__file__).resolve().parents[3] / "models/indoor39"
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
    popen = subprocess.Popen

    def keep(*arguments, **options):
        started.append(popen(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", keep)
    program = "import time; print('Iteration 0, loss = 1', flush=True); time.sleep(60)"
    monkeypatch.setitem(trainers.TRAINERS, "fake", lambda: [sys.executable, "-c", program])
    work = trainers.train("fake", tmp_path, "solver.prototxt", "w", tmp_path / "train.log", "train")
    next(work)
    next(work)
    assert started[0].poll() is None
    work.close()
    assert started[0].poll() is not None


def test_a_trainer_that_cannot_be_started_is_a_sentence(monkeypatch, tmp_path):
    (tmp_path / "solver.prototxt").write_text(SOLVER)
    monkeypatch.setitem(trainers.TRAINERS, "fake", lambda: [str(tmp_path / "gone")])
    with pytest.raises(ExperimentError, match=r"fake: .*gone: cannot be started \(No such file"):
        with_bar(trainers.train("fake", tmp_path, "solver.prototxt", "w", tmp_path / "x.log", "train"), quiet=True)


@pytest.mark.parametrize(("images", "bins"), [(5, 2), (40, 4), (720, 64), (2559, 128), (2560, 256), (10**6, 256)])
def test_ten_pictures_a_bin(images, bins):
    assert bins_for(images) == bins


def test_files_of_others_are_not_removed(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ExperimentError, match="not the demo's"):
        run_demo(DemoSettings(out=tmp_path))
    assert (tmp_path / "thesis.tex").exists()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"trainer": "keras"}, "unknown trainer 'keras'; use one of caffe, torchcaffe"),
        ({"trainer": "caffe"}, "run make caffe, or train with --trainer torchcaffe"),
        ({"iterations": 0}, "--iterations 0: must be at least 1"),
        ({"model": Path("nowhere")}, "nowhere/model.json: cannot be read"),
        ({"images": Path("small")}, "small/thumbnail.png: 100×90 pixels are too few"),
        ({"images": Path("broken")}, "broken/2.png: is not a picture"),
    ],
)
def test_bad_settings_are_told_before_anything_is_touched(settings, words, tmp_path, monkeypatch):
    monkeypatch.setenv("CAFFE_ROOT", str(tmp_path / "no caffe"))
    monkeypatch.chdir(tmp_path)
    for folder in ("small", "broken", "demo"):
        Path(folder).mkdir()
    for path, shape in (("small/a.png", (200, 200)), ("small/thumbnail.png", (90, 100)), ("broken/1.png", (200, 200))):
        cv2.imwrite(path, np.zeros(shape, np.uint8))
    Path("broken/2.png").write_text("no picture")
    for path in ("demo/demo.json", "demo/summary.md"):
        Path(path).write_text("of an earlier demo")
    settings = {"model": INDOOR, **settings}
    with pytest.raises(InputError, match=re.escape(words)):
        run_demo(DemoSettings(out=Path("demo"), **settings))
    assert Path("demo/summary.md").read_text() == "of an earlier demo"


def test_an_earlier_demo_is_replaced_and_a_stop_leaves_a_folder_of_the_demo(tmp_path, monkeypatch):
    for path in ("demo.json", "summary.md", "crops/train.txt"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("of an earlier demo")

    def interrupted(*arguments, **facts):
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "describe", interrupted)
    settings = DemoSettings(out=tmp_path, model=INDOOR)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run_demo(settings)
        assert [path.name for path in tmp_path.iterdir()] == ["demo.json"]


def test_command_lines_are_those_that_a_user_types():
    words = command("deepvis scan", "a.prototxt", test_images=Path("my pictures"), size=(16, 9), quiet=True)
    assert words == (
        *("deepvis", "scan", "a.prototxt", "--test-images", "my pictures", "--size", "16", "9", "--quiet"),
    )


def test_the_steps_before_training_and_the_engines_that_judge(tmp_path, monkeypatch):
    settings = DemoSettings(out=tmp_path / "demo", method=3)
    settings.crops.mkdir(parents=True)
    (settings.crops / "train.txt").write_text("a.png 0\n" * 100)
    (tmp_path / "caffe/bin").mkdir(parents=True)
    (tmp_path / "caffe/bin/caffe").touch(mode=0o755)
    for root, engines in (("caffe", "torchcaffe,caffe,opencv"), ("nowhere", "torchcaffe,opencv")):
        monkeypatch.setenv("CAFFE_ROOT", str(tmp_path / root))
        lines = [" ".join(step.command).replace(str(tmp_path), "") for step in before_training(settings)]
        convert, scan, measure, plan, write, check = lines
        assert convert == (
            f"convert_pytorch_to_caffe --model models/indoor39 --out /demo --name alexnet --verify {engines} --force"
        )
        assert scan == "deepvis scan /demo/alexnet.prototxt --images /demo/crops/train.txt --out /demo/scan.h5"
        assert measure == "python -m entropy measure /demo/scan.h5 --out /demo/entropy.csv --bins 8"
        assert plan == "python -m entropy plan /demo/entropy.csv --method 3 --out /demo/plan.json"
        assert write.startswith("python -m entropy write /demo/plan.json --net /demo/alexnet.prototxt --weights ")
        assert write.endswith("--copy-pictures --base-lr 0.002 --max-iter 60 --display 2 --test-interval 15")
        assert check == "python -m entropy check /demo"


CLEARING_UP = """
import sys, time
from pathlib import Path
try:
    Path(sys.argv[1], "started").touch()
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(1)
    Path(sys.argv[1], "cleared up").touch()
"""
STEP = """
import sys
from finetune.demo.demo import _run
from finetune.demo.steps import Step
from prototxt.common.errors import errors_as_sentences
with errors_as_sentences("finetune"):
    _run(Step("Waiting", ("python", "-c", sys.argv[1], sys.argv[2])))
"""


def test_ctrl_c_lets_a_step_clear_up_and_ends_with_a_line(tmp_path):
    """As a terminal does it: the signal goes to the demo and to its command."""
    words = [sys.executable, "-c", STEP, CLEARING_UP, tmp_path]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, process_group=0)
    while not (tmp_path / "started").exists():
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate()[1] == "finetune: stopped; what was not finished was not written\n"
    assert process.returncode == INTERRUPTED
    assert (tmp_path / "cleared up").exists()


def test_a_step_that_fails_is_named():
    with pytest.raises(ExperimentError, match="stopped with exit code 3: python -c 'raise SystemExit"):
        demo._run(Step("Failing", ("python", "-c", "raise SystemExit(3)")))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "moonshot"], "unknown experiment 'moonshot'; allowed are demo"),
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
    out = capsys.readouterr().out
    assert "\n  demo  the whole idea on real photographs" in out
    assert re.search(r"\n  thesis-b +Thesis B: ", out)
    assert re.search(r"\n  fine-tuning +fine-tuning – Train all layers", out)


@pytest.mark.parametrize(
    ("description", "words"),
    [
        (None, "holds no demo.json, so no demo was run there; run: make demo"),
        ("{", "demo.json: does not say how the demo was run; run: make demo"),
        ('{"trainer": "caffe"}', "alexnet.prototxt"),  # of a demo that was stopped early
    ],
)
def test_report_needs_a_whole_demo(description, words, tmp_path):
    if description:
        (tmp_path / "demo.json").write_text(description)
    with pytest.raises(InputError, match=words):
        write_report(tmp_path)


def test_probabilities_are_those_of_the_net(tmp_path):
    from deepvis.model.model import open_model
    from finetune.demo.comparing import probabilities
    from prototxt.formats.text import write_message
    from prototxt.formats.weights import write_weights
    from prototxt.net.build import layer, net
    from prototxt.pixels.preprocess import Preprocessing

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
