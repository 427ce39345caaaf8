"""``torchcaffe train|test|time`` as a user calls it, in-process; `test_flags.py` is about flags alone."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from prototxt.formats.text import parse_net, write_message
from prototxt.formats.weights import read_weights, write_weights
from prototxt.split import split_net, split_weights
from torchcaffe.__main__ import main
from torchcaffe.network import Network
from torchcaffe.solver import Solver

NET = """name: "small"
layer { name: "data" type: "DummyData" top: "data" top: "label"
  dummy_data_param { shape { dim: 4 dim: 2 dim: 9 dim: 9 } shape { dim: 4 }
    data_filler { type: "gaussian" } data_filler { type: "constant" value: 1 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
layer { name: "accuracy" type: "Accuracy" bottom: "ip" bottom: "label" top: "accuracy" include { phase: TEST } }
layer { name: "extra" type: "Power" bottom: "ip" top: "extra" include { stage: "extra" } }
"""

SOLVER = """net: "net.prototxt"
base_lr: 0.05
lr_policy: "fixed"
momentum: 0.9
max_iter: 6
display: 2
test_iter: 2
test_interval: 3
random_seed: 1
snapshot_prefix: "out/run"
"""


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_text(NET)
    Path("solver.prototxt").write_text(SOLVER)
    network = Network(parse_net(NET), "TRAIN", seed=0)
    write_weights("first.caffemodel", network.net, network.weights())
    return tmp_path


@pytest.fixture
def run(capsys):
    """Call the command; its log."""

    def call(*arguments: str) -> str:
        main(arguments)
        captured = capsys.readouterr()
        assert captured.out == ""
        return captured.err

    return call


@pytest.fixture
def fail(capsys, workplace):
    """Call the command, which ends with code 1 and a sentence and leaves no new file; the sentence."""

    def call(*arguments: str) -> str:
        before = set(workplace.rglob("*"))
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 1
        assert set(workplace.rglob("*")) == before
        error = capsys.readouterr().err
        assert "Traceback" not in error
        last = error.splitlines()[-1]
        assert last.startswith("torchcaffe: error: ")
        return last

    return call


def messages(log: str) -> list[str]:
    """The log without glog's prefix, which every line has that begins a message; others are left out."""
    pattern = re.compile(r"[IWE]\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ [\w.]+:\d+\] ?(.*)")
    found = [pattern.fullmatch(line) for line in log.splitlines()]
    assert not found or found[0], log
    return [match.group(1) for match in found if match]


@pytest.mark.parametrize(("field", "said"), [("ceil_mode: false", 1), ("ceil_mode: true", 0), ("round_mode: FLOOR", 1)])
def test_sizes_that_stock_caffe_cannot_round_down_are_said(run, field, said):
    pool = f'layer {{ name: "p" type: "Pooling" bottom: "data" top: "p" pooling_param {{ kernel_size: 2 {field} }} }}'
    Path("net.prototxt").write_text(NET + pool)
    log = messages(run("time", "-model", "net.prototxt", "-iterations", "1"))
    assert log.count("Layer p rounds its size down (round_mode or ceil_mode), which stock Caffe cannot") == said


def test_train_writes_log_and_snapshots(run):
    log = messages(run("train", "-solver", "solver.prototxt"))
    assert "Solving small" in log
    assert "Iteration 3, Testing net (#0)" in log
    assert [line for line in log if line.startswith("    Test net output #1: loss")]
    assert [line for line in log if re.match(r"Iteration 2 \([\d.e+-]+ iter/s, [\d.e+-]+s/2 iters\), loss = ", line)]
    assert "Snapshotting to binary proto file out/run_iter_6.caffemodel" in log
    assert "Snapshotting solver state to binary proto file out/run_iter_6.solverstate" in log
    assert log[-2:] == ["Optimization Done.", "Optimization Done."]
    endings = ["caffemodel", "runstate.npz", "solverstate"]
    assert sorted(path.name for path in Path("out").iterdir()) == [f"run_iter_6.{ending}" for ending in endings]


def test_weights_and_snapshot_say_where_training_starts(run):
    Path("solver.prototxt").write_text(SOLVER.replace("base_lr: 0.05", "base_lr: 0"))
    run("train", "-solver", "solver.prototxt", "-weights", "first.caffemodel")
    first, trained = read_weights("first.caffemodel"), read_weights("out/run_iter_6.caffemodel")
    np.testing.assert_array_equal(first["conv"][0], trained["conv"][0])
    Path("solver.prototxt").write_text(SOLVER.replace("max_iter: 6", "max_iter: 8"))
    log = messages(run("train", "--solver=solver.prototxt", "--snapshot=out/run_iter_6.solverstate"))
    assert "Resuming from out/run_iter_6.solverstate" in log
    assert Path("out/run_iter_8.caffemodel").exists()


def test_runs_without_random_seed_differ_and_say_how_to_repeat_them(run):
    Path("solver.prototxt").write_text(SOLVER.replace("random_seed: 1", ""))
    logs = [messages(run("train", "-solver", "solver.prototxt")) for _ in range(2)]
    first = read_weights("out/run_iter_6.caffemodel")
    seeds = [line.split()[-1] for log in logs for line in log if line.startswith("random_seed is not given")]
    assert len(set(seeds)) == 2
    Path("solver.prototxt").write_text(SOLVER.replace("random_seed: 1", f"random_seed: {seeds[1]}"))
    run("train", "-solver", "solver.prototxt")
    np.testing.assert_array_equal(read_weights("out/run_iter_6.caffemodel")["conv"][0], first["conv"][0])


def test_test_scores_every_batch_and_the_mean(run):
    log = messages(run("test", "-model", "net.prototxt", "-weights", "first.caffemodel", "-iterations", "3"))
    losses = [float(line.split(" = ")[1]) for line in log if re.match(r"Batch \d, loss", line)]
    assert len(losses) == 3
    mean = [line for line in log if line.startswith("loss = ")]
    assert float(mean[0].split(" = ")[1].split()[0]) == pytest.approx(np.mean(losses), rel=1e-4)
    assert mean[0].endswith(" loss)")
    assert f"Loss: {np.mean(losses):.4g}"[:9] in "\n".join(log)
    assert [line for line in log if line.startswith("accuracy = ")]


def warnings(log: str) -> list[str]:
    return messages("\n".join(line for line in log.splitlines() if line.startswith("W")))


def test_layers_without_weights_are_named(run):
    """A missing layer of preprocessing would give the scores of another net, and nobody would know."""
    front = """layer { name: "front" type: "Convolution" bottom: "data" top: "front"
  convolution_param { num_output: 2 kernel_size: 1 bias_term: false weight_filler { type: "xavier" } } }
layer { name: "conv" type: "Convolution" bottom: "front\""""
    changed = NET.replace('layer { name: "conv" type: "Convolution" bottom: "data"', front)
    Path("net.prototxt").write_text(changed.replace('name: "ip"', 'name: "new_ip"'))
    test = ("test", "-model", "net.prototxt", "-weights", "first.caffemodel", "-iterations", "1")
    assert warnings(run(*test)) == [
        "Layer front has no weights in first.caffemodel; it keeps what its filler gave",
        "Layer new_ip has no weights in first.caffemodel; it keeps what its filler gave",
        "These are not the scores of a trained net: no weights for front, new_ip",
    ]
    assert warnings(run("train", "-solver", "solver.prototxt", "-weights", "first.caffemodel")) == [
        "Layer front has no weights in first.caffemodel; it keeps what its filler gave",
        "Layer new_ip has no weights in first.caffemodel; it keeps what its filler gave",
    ]
    both = "first.caffemodel,out/run_iter_6.caffemodel"
    assert warnings(run("test", "-model", "net.prototxt", "-weights", both, "-iterations", "1")) == []
    assert warnings(run("train", "-solver", "solver.prototxt")) == []


def test_a_layer_that_shares_the_weights_of_a_loaded_one_has_weights(run):
    ip = 'layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip"'
    shared = 'param { name: "w" } param { name: "b" }'
    twice = f"{ip.replace('ip', 'again')} {shared} inner_product_param {{ num_output: 3 }} }}\n{ip} {shared}"
    Path("net.prototxt").write_text(NET.replace(ip, twice))
    assert warnings(run("test", "-model", "net.prototxt", "-weights", "first.caffemodel", "-iterations", "1")) == []


def test_parts_of_a_split_layer_have_their_own_weights(run):
    net = parse_net(NET)
    split = split_net(net, {"conv": [0, 1, 1, 0]})
    write_message("split.prototxt", split.net)
    Path("solver.prototxt").write_text(SOLVER.replace("net.prototxt", "split.prototxt"))
    parts = split_weights(read_weights("first.caffemodel"), split.layers)
    write_weights("some.caffemodel", split.net, {name: parts[name] for name in ("conv__g0_lr0", "ip")})
    found = warnings(run("train", "-solver", "solver.prototxt", "-weights", "some.caffemodel"))
    assert found == ["Layer conv__g1_lr1 has no weights in some.caffemodel; it keeps what its filler gave"]
    write_weights("split.caffemodel", split.net, parts)
    assert warnings(run("train", "-solver", "solver.prototxt", "-weights", "split.caffemodel")) == []


def test_stage_level_and_phase_choose_layers(run):
    log = run("test", "-model", "net.prototxt", "-weights", "first.caffemodel", "-iterations", "1", "-stage", "a,extra")
    assert "Batch 0, extra = " in log
    assert "Creating Layer accuracy" not in run("time", "-model", "net.prototxt", "-iterations", "1")
    assert "Creating Layer accuracy" in run("time", "-model", "net.prototxt", "-iterations", "1", "-phase=TEST")


def test_time_lists_every_layer_both_ways(run):
    log = messages(run("time", "-model", "net.prototxt", "-iterations", "3"))
    for name in ("data", "conv", "relu", "ip", "loss"):
        for way in ("forward", "backward"):
            (line,) = [line for line in log if line.startswith(f"{name:>10}\t{way}: ")]
            assert float(line.split()[-2]) >= 0
    assert len([line for line in log if "forward-backward time" in line]) == 3
    (total,) = [line for line in log if line.startswith("Total Time: ")]
    passes = [
        float(re.search(r"Average (?:Forward|Backward) pass: (\S+)", line)[1]) for line in log if " pass: " in line
    ]
    assert 0 < sum(passes) <= float(total.split()[2]) / 3 * 1.01
    backward = {line.split()[0]: float(line.split()[-2]) for line in log if "\tbackward" in line}
    assert backward["conv"] > backward["data"], "the way back is timed, not only walked"


DEPLOY = """name: "deploy"
layer { name: "in" type: "Input" top: "data" input_param { shape { dim: 8 dim: 16 dim: 32 dim: 32 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 64 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "conv2" type: "Convolution" bottom: "pool" top: "conv2"
  convolution_param { num_output: 64 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "prob" type: "Softmax" bottom: "conv2" top: "prob" }
"""


def times(log: list[str]) -> dict[tuple[str, str], float]:
    """Milliseconds of every layer and way."""
    lines = [re.fullmatch(r" *(\S+)\t(forward|backward): (\S+) ms\.", line) for line in log]
    return {(line[1], line[2]): float(line[3]) for line in lines if line}


@pytest.mark.caffe
def test_the_log_echoes_solver_and_nets_as_real_caffe_does(run, real_caffe):
    """All lines up to the optimisation, but for Caffe's copies of blobs, its factory, and the empty stage of -stage."""
    Path("solver.prototxt").write_text(SOLVER + "solver_mode: CPU\n")
    ours = _before_training(run("train", "-solver", "solver.prototxt"))
    theirs = _before_training(real_caffe.run("train", "-solver", "solver.prototxt").stdout)
    assert ours == theirs


def _before_training(log: str) -> list[str]:
    log = log[: log.index("Starting Optimization")].replace('  stage: ""\n', "")
    lines = [re.sub(r"^[IW]\d{4} .*?\] ", "", line) for line in log.splitlines()]
    kept, copying = [], False
    for line in lines:
        copying = (copying and not line.startswith("Memory")) or re.search("Creating Layer .*_split", line) is not None
        if not copying and not line.startswith(("Memory", "Creating layer", "WARNING: Logging")):
            kept.append(re.sub(r"(_\w+)?_\d_split_\d", "", line).rstrip())
    return [line for line in kept if "_split" not in line]


def test_time_of_a_deploy_net(run):
    """Input layers hold zeros; without a loss only parameters get gradients, of zeros: so it is in Caffe."""
    Path("deploy.prototxt").write_text(DEPLOY)
    found = times(messages(run("time", "-model", "deploy.prototxt", "-iterations", "2")))
    assert list(dict.fromkeys(name for name, _ in found)) == ["in", "conv", "relu", "pool", "conv2", "prob"]
    for name in ("conv", "conv2"):
        assert found[name, "backward"] > 10 * max(found[other, "backward"] for other in ("in", "relu", "pool", "prob"))
    Path("deploy.prototxt").write_text("force_backward: true " + DEPLOY)
    forced = times(messages(run("time", "-model", "deploy.prototxt", "-iterations", "2")))
    assert forced["relu", "backward"] > found["relu", "backward"]


@pytest.mark.caffe
@pytest.mark.parametrize("text", [NET, DEPLOY, "force_backward: true " + DEPLOY], ids=["train", "deploy", "forced"])
def test_time_prints_what_real_caffe_prints(run, real_caffe, text):
    """The same lines in the same order; in a net without a loss the way back of the same layers takes time."""
    Path("net.prototxt").write_text(text)
    arguments = ("time", "-model", "net.prototxt", "-iterations", "2")
    logs = [run(*arguments), real_caffe.run(*arguments).stdout]
    ours, theirs = ([line.split("] ", 1)[1] for line in log.splitlines() if "] " in line] for log in logs)
    begin = "Performing Forward"
    shapes = [
        [re.sub(r"-?\d[\d.e+-]*", "#", line.rstrip()) for line in log[log.index(begin) :] if "_split" not in line]
        for log in (ours, theirs)
    ]
    assert shapes[0] == shapes[1]
    if text == DEPLOY:
        for found in map(times, (ours, theirs)):
            assert min(found["conv", "backward"], found["conv2", "backward"]) > 3 * found["relu", "backward"]


def test_a_solver_whose_test_net_has_an_input(run):
    data = NET.index("layer {"), NET.index('layer { name: "conv"')
    test_input = """layer { name: "zeros" type: "Input" top: "data" top: "label" include { phase: TEST }
      input_param { shape { dim: 4 dim: 2 dim: 9 dim: 9 } shape { dim: 4 } } }"""
    only_train = NET[data[0] : data[1]].rstrip()[:-1] + " include { phase: TRAIN } }"
    Path("net.prototxt").write_text(only_train + test_input + NET[data[1] :])
    log = messages(run("train", "-solver", "solver.prototxt"))
    assert "Blob data is an input of the net: it holds zeros, as no layer fills it" in log
    assert [line for line in log if "Test net output #1: loss" in line]
    Path("solver.prototxt").write_text(SOLVER.replace("max_iter: 6", "max_iter: 0"))
    log = run("test", "-model", "net.prototxt", "-weights", "first.caffemodel", "-iterations", "1")
    assert "Blob label is an input of the net" in log


def test_minloglevel(run, monkeypatch):
    arguments = ("time", "-model", "net.prototxt", "-iterations", "1")
    assert run(*arguments, "-minloglevel=1") == ""
    monkeypatch.setenv("GLOG_minloglevel", "1")
    assert run(*arguments) == ""


@pytest.mark.skipif(os.environ.get("CUDA_VISIBLE_DEVICES") != "" and os.path.exists("/dev/nvidia0"), reason="has a GPU")
def test_a_gpu_that_is_not_there_is_a_warning_and_the_cpu_works(run):
    Path("solver.prototxt").write_text(SOLVER + "solver_mode: GPU")
    log = run("train", "-solver", "solver.prototxt")
    assert log.count("running on the CPU") == 1
    assert re.search(r"^W\d{4} .*GPU 0 is asked for but PyTorch finds no CUDA device", log, re.MULTILINE)
    assert "running on the CPU" in run("time", "-model", "net.prototxt", "-iterations", "1", "-gpu", "all")


@pytest.mark.parametrize(("number", "effect", "stops"), [(signal.SIGINT, "", True), (signal.SIGHUP, "", False)])
def test_signals_stop_and_snapshot_as_in_caffe(run, monkeypatch, number, effect, stops):
    apply_update = Solver.apply_update

    def send_a_signal(solver: Solver) -> None:
        apply_update(solver)
        if solver.iter == 2:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(Solver, "apply_update", send_a_signal)
    before = signal.getsignal(number)
    log = run("train", "-solver", "solver.prototxt")
    assert signal.getsignal(number) is before
    assert ("Optimization stopped early." in log) is stops
    assert Path("out/run_iter_2.solverstate").exists()
    assert Path("out/run_iter_6.solverstate").exists() is not stops


def test_signal_effects_can_be_turned_off(run, monkeypatch):
    apply_update = Solver.apply_update
    monkeypatch.setattr(Solver, "apply_update", lambda s: (os.kill(os.getpid(), signal.SIGINT), apply_update(s)))
    log = run("train", "-solver", "solver.prototxt", "-sigint_effect", "none")
    assert "stopped early" not in log
    assert {path.name.partition(".")[0] for path in Path("out").iterdir()} == {"run_iter_6"}


def test_ctrl_c_outside_training_ends_without_traceback(monkeypatch, capsys):
    monkeypatch.setattr(Network, "loss", lambda *arguments: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(SystemExit) as ended:
        main(["time", "-model", "net.prototxt"])
    assert ended.value.code == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_terminal_gets_a_bar_below_the_log(run, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    log = run("train", "-solver", "solver.prototxt")
    assert "6/6" in log
    assert "Iteration 4, lr = 0.05" in log


# -- bad input ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-solver", "x"], "a command is missing; torchcaffe has train, test, "),
        (["trian"], "unknown command 'trian'; did you mean 'train'?"),
        (["train"], "train needs a solver definition; give -solver FILE"),
        (["train", "-solvr", "x"], "unknown command line flag 'solvr'; did you mean 'solver'?"),
        (["train", "-solver"], "flag '-solver' is missing its argument"),
        (["train", "-solver", "gone.prototxt"], "gone.prototxt: no such file"),
        (["train", "-solver", "solver.prototxt", "-weights", "gone.caffemodel"], "gone.caffemodel: no such file"),
        (["train", "-solver", "solver.prototxt", "-snapshot", "gone.solverstate"], "gone.solverstate: no such file"),
        (["train", "-solver", "solver.prototxt", "-snapshot", "a", "-weights", "b"], "not both"),
        (
            ["train", "-solver", "solver.prototxt", "-gpu", "x"],
            "-gpu must be device numbers, each once, with commas between them, or 'all'; got 'x'",
        ),
        (
            ["train", "-solver", "solver.prototxt", "-sigint_effect", "x"],
            "-sigint_effect must be one of stop, snapshot, none; got 'x'",
        ),
        (["test", "-weights", "first.caffemodel"], "test needs a model definition to score; give -model FILE"),
        (["test", "-model", "net.prototxt"], "test needs model weights to score; give -weights FILE"),
        (["test", "-model", "net.prototxt", "-weights", "net.prototxt"], "net.prototxt: "),
        (["time", "-model", "net.prototxt", "-iterations", "0"], "-iterations must be at least 1; got 0"),
        (["time", "-model", "net.prototxt", "-iterations", "many"], "-iterations must be an integer; got 'many'"),
        (["time", "-model", "net.prototxt", "-phase", "DEPLOY"], "-phase must be one of TRAIN, TEST, ''; got 'DEPLOY'"),
    ],
)
def test_bad_arguments(fail, arguments, sentence):
    assert sentence in fail(*arguments)


@pytest.mark.parametrize(
    ("file", "old", "new", "sentence"),
    [
        ("solver.prototxt", "base_lr", "base_rl", "solver.prototxt:2: "),
        ("solver.prototxt", '"fixed"', '"linear"', "solver.prototxt: unknown lr_policy 'linear'"),
        ("solver.prototxt", "net.prototxt", "gone.prototxt", "gone.prototxt: no such file"),
        ("net.prototxt", "num_output: 4", "num_outputs: 4", "net.prototxt:6: "),
        ("net.prototxt", '"SoftmaxWithLoss"', '"SoftmaxLoss"', "'loss'"),
        ("net.prototxt", 'bottom: "conv" top: "ip"', 'bottom: "fc" top: "ip"', "'ip' (InnerProduct): unknown bottom"),
        ("net.prototxt", "num_output: 3", "num_output: 5", "first.caffemodel: layer 'ip'"),
    ],
)
def test_bad_files(fail, file, old, new, sentence):
    Path(file).write_text(Path(file).read_text().replace(old, new))
    assert sentence in fail("train", "-solver", "solver.prototxt", "-weights", "first.caffemodel")


def test_a_truncated_caffemodel(fail):
    Path("first.caffemodel").write_bytes(Path("first.caffemodel").read_bytes()[:200])
    error = fail("test", "-model", "net.prototxt", "-weights", "first.caffemodel")
    assert "first.caffemodel: is truncated" in error


def test_an_image_that_is_none_ends_training_with_its_line(capsys, workplace):
    lines = []
    for index in range(40):
        (workplace / f"{index}.ppm").write_bytes(b"P6 9 9 255\n" + bytes(243))
        lines.append(f"{index}.ppm 0\n")
    (workplace / "30.ppm").write_bytes(b"broken")
    Path("list.txt").write_text("".join(lines))
    data = 'type: "ImageData" top: "data" top: "label" image_data_param { source: "list.txt" batch_size: 4 } }'
    Path("net.prototxt").write_text(re.sub(r'type: "DummyData".*?\} \} \}\n', data + "\n", NET, flags=re.DOTALL))
    Path("solver.prototxt").write_text(SOLVER.replace("max_iter: 6", "max_iter: 60"))
    with pytest.raises(SystemExit) as ended:
        main(["train", "-solver", "solver.prototxt"])
    assert ended.value.code == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("torchcaffe: error: list.txt:31: the image 30.ppm is not a picture that OpenCV can read")
    assert not list(Path("out").glob("*"))


def test_as_a_program(workplace):
    """The one test that starts a process: exit code, stderr and no traceback for real."""
    command = [sys.executable, "-m", "torchcaffe", "train", "-solver=gone.prototxt"]
    finished = subprocess.run(command, capture_output=True, text=True, cwd=workplace, check=False)
    assert finished.returncode == 1
    assert finished.stderr.startswith("torchcaffe: error: gone.prototxt: no such file")
    assert len(finished.stderr.splitlines()) == 1


def test_split_layers_are_trained_as_one_and_stored_in_parts(run):
    write_message("net.prototxt", split_net(parse_net(NET), {"conv": [0, 1, 1, 0.5]}).net)
    joined = run("train", "-solver", "solver.prototxt")
    assert "Running 3 layers of one learning rate each as 1 layers" in joined
    found = read_weights("out/run_iter_6.caffemodel")
    apart = run("train", "--split=apart", "-solver", "solver.prototxt")
    assert "Running" not in apart
    expected = read_weights("out/run_iter_6.caffemodel")
    assert list(found) == list(expected) == ["conv__g0_lr0", "conv__g1_lr0.5", "conv__g2_lr1", "ip"]
    for name, blobs in expected.items():
        for blob, other in zip(blobs, found[name], strict=True):
            np.testing.assert_allclose(other, blob, atol=1e-6, err_msg=name)
