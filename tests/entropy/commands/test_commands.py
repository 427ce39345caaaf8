"""The commands, in process; one as a user types it."""

import re
import subprocess
import sys

import pytest

from entropy import read_plan
from entropy.__main__ import COMMANDS, main


def run(*arguments):
    main([str(argument) for argument in arguments])


def test_from_scan_to_checked_folder(small, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run("measure", small.scan, "--bins", 64)
    out = capsys.readouterr().out
    assert "16 filters, 400 images, 64 bins" in out
    assert "1 filters were never active" in out
    assert "note: 400 images are few for 64 bins" in out

    run("plan", "entropy.csv", "--method", 1)
    out = capsys.readouterr().out
    assert "solved for 40.00%" in out
    assert "free: 6 of 16 filters, 37.50%" in out

    arguments = ["--net", small.net, "--weights", small.weights, "--out", "run", "--max-iter", 2]
    run("write", "plan.json", *arguments, "--images", small.images, "--head", "fc_new", "--no-mirror")
    out = capsys.readouterr().out
    assert "branch/conv2" in out
    assert re.search(r"expected cost of a step: \S+ G multiply-adds instead of \S+ G, [01]\.\d\d of the plain", out)
    assert out.endswith("cd run && caffe train -solver solver.prototxt -weights split.caffemodel\n")
    assert read_plan("run/plan.json").split

    run("check", "run", "--no-caffe")
    assert "ready to train" in capsys.readouterr().out

    run("merge", "run/split.caffemodel", "--where", "run")
    assert "frozen filters are bit-identical" in capsys.readouterr().out


def test_plan_lists_what_learns_and_what_is_odd(small, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run("measure", small.scan, "--bins", 64)
    capsys.readouterr()
    run("plan", "entropy.csv", "--method", 3, "--net", small.net)
    out = capsys.readouterr().out
    rows = [line.split() for line in out[out.index("lr_mult") :].splitlines()[2:]]
    assert rows[:6] == [
        ["conv1", "Convolution", "planned", "1", "of", "8", "1", "/", "2"],
        ["branch/conv2", "Convolution", "planned", "0", "of", "8", "1", "/", "2"],
        ["bn2", "BatchNorm", "statistics", "0", "of", "8"],
        ["scale2", "Scale", "planned", "0", "of", "8", "1", "/", "1"],
        ["fc3", "InnerProduct", "whole", "12", "of", "12", "1", "/", "2"],
        ["fc4", "InnerProduct", "whole", "5", "of", "5", "1", "/", "2"],
    ]
    assert "note: the threshold leaves no free filter in branch/conv2: give each layer a share" in out
    run("plan", "entropy.csv", "--method", 2, "--layers-share", "conv1=0.25,branch/conv2=0.5")
    out = capsys.readouterr().out
    assert "free: 6 of 16 filters, 37.50%" in out
    assert "layers outside the plan learn at the full rate, unless write gets --rate; --net lists them" in out
    assert "note:" not in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["measure", "none.h5"], "none.h5: no such file"),
        (["plan", "none.csv", "--method", "1"], "none.csv: cannot be read"),
        (["check", "nowhere"], "plan.json: cannot be read"),
        (["merge", "x.caffemodel", "--where", "nowhere"], "plan.json: cannot be read"),
        (
            ["write", "plan.json", "--net", "n", "--weights", "w", "--out", "o", "--images", "i"],
            "both --images and --head",
        ),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        run(*arguments)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("entropy: error: ")
    assert message in error
    assert len(error.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_help(command, capsys):
    with pytest.raises(SystemExit) as stop:
        run(command, "--help")
    assert stop.value.code == 0
    assert "(required)" in capsys.readouterr().out


def test_as_a_user_types_it(tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "entropy", "measure", tmp_path / "none.h5"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_repair_and_free(small, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    old = ["--net", small.net, "--weights", small.weights]
    arguments = [*old, "--free", "branch/conv2=0.25", "--choose-by", "random", "--images", small.images]
    run("repair", *arguments, "--test-images", small.test_images, "--max-iter", 3, "--batch", 4)
    out = capsys.readouterr().out
    assert "branch/conv2: the old task does without 2 filters" in out
    assert re.search(r"accuracy on 6 test pictures of the old task: \S+ as it was, \S+ cut, \S+ repaired", out)
    assert "repaired/repaired.caffemodel: the old net after 3 iterations of repair" in out
    assert f"write --net {small.net} --weights repaired/repaired.caffemodel --free repaired/freed.json" in out
    new = ["--net", small.net, "--weights", "repaired/repaired.caffemodel", "--free", "repaired/freed.json"]
    run("write", *new, "--images", small.images, "--head", "fc_new", "--out", "run")
    out = capsys.readouterr().out
    assert "note: branch/conv2: 2 filters are free" in out
    assert "0 weights on freed filters are cut to zero" in out
    with pytest.raises(SystemExit) as caught:
        run("write", *old, "--free", "repaired/freed.json", "--images", small.images, "--head", "new", "--out", "run")
    assert caught.value.code == 2
    assert "give the repaired.caffemodel beside the freed.json" in capsys.readouterr().err
