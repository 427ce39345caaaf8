import pytest

from prototxt.formats.schema import SolverParameter
from prototxt.formats.text import parse_message, parse_net
from prototxt.lint import lint_solver, warn_solver
from prototxt.lint.registry import SOLVER_RULES, SOLVER_WARNINGS

NET = """
layer { name: "data" type: "DummyData" top: "data" top: "label"
        dummy_data_param { shape { dim: 2 dim: 3 } shape { dim: 2 dim: 1 } data_filler { type: "gaussian" } } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 1 } }
layer { name: "loss" type: "EuclideanLoss" bottom: "ip" bottom: "label" top: "loss" }
"""
BASE = 'net: "net.prototxt" base_lr: 0.1 max_iter: 2 '
FIXED = 'lr_policy: "fixed" '

# (rule, solver, part of the sentence, whether the installed real Caffe, which is a little newer than 1.0, refuses it)
CASES = [
    ("one_train_net", FIXED, "names no net to train; give one of net, net_param, train_net or train_net_param", True),
    ("one_train_net", BASE + FIXED + 'train_net: "net.prototxt"', "has net and train_net; give only one", True),
    (
        "test_nets",
        'train_net: "net.prototxt" test_iter: 1 test_iter: 1 test_net: "net.prototxt" test_interval: 1 ' + FIXED,
        "has 2 test_iter for 1 test nets; it needs exactly 1",
        True,
    ),
    ("test_nets", BASE + FIXED + 'test_net: "net.prototxt"', "it needs at least 1, one for each", True),
    ("test_nets", BASE + FIXED + "test_iter: 1", "it needs a test_interval above 0", True),
    (
        "test_nets",
        BASE + FIXED + "test_iter: 1 test_interval: 1 test_state {} test_state {}",
        "2 test_state for 1",
        True,
    ),
    (
        "learning_rate_policy",
        BASE,
        "has no lr_policy; Caffe has exp, fixed, inv, multistep, poly, sigmoid or step",
        True,
    ),
    ("learning_rate_policy", BASE + 'lr_policy: "cosine"', "has unknown lr_policy 'cosine'", True),
    ("learning_rate_policy", BASE + 'lr_policy: "step" gamma: 0.1', "lr_policy 'step' needs a stepsize above 0", True),
    ("learning_rate_policy", BASE + 'lr_policy: "exp" gamma: -1', "needs a gamma of 0 or more; got -1", True),
    ("known_type", BASE + FIXED + 'type: "AdamW"', "has type 'AdamW'; Caffe has AdaDelta,", True),
    (
        "known_type",
        BASE + FIXED + 'type: "SGD" solver_type: SGD',
        "has both solver_type (the old field) and type",
        True,
    ),
    ("settings_of_type", BASE + FIXED + 'type: "AdaGrad" momentum: 0.9', "AdaGrad takes no momentum; got 0.9", True),
    (
        "settings_of_type",
        BASE + FIXED + 'type: "RMSProp" rms_decay: 1',
        "RMSProp needs an rms_decay of at least 0",
        True,
    ),
    ("regularization", BASE + FIXED + 'weight_decay: 1 regularization_type: "L3"', "regularization_type 'L3'", True),
    ("counts", BASE + FIXED + "average_loss: 0", "has average_loss 0; it must be 1 or more", True),
    ("counts", BASE + FIXED + "iter_size: 0", "has iter_size 0; it must be 1 or more", False),
    ("snapshots", BASE + FIXED + "snapshot: 5", "takes snapshots, so it needs a snapshot_prefix", False),
    (
        "fields_of_master",
        BASE + FIXED + 'weights: "w.caffemodel"',
        "has 'weights', which Caffe 1.0 does not know",
        None,
    ),
]
GOOD = [
    BASE + FIXED,
    BASE + FIXED + 'test_iter: 1 test_interval: 1 snapshot: 5 snapshot_prefix: "s" momentum: 0.9 iter_size: 2',
    BASE + 'lr_policy: "step" gamma: 0.1 stepsize: 1 type: "Nesterov" momentum: 0.9',
    BASE + 'lr_policy: "multistep" gamma: 0.1 stepvalue: 1 type: "Adam" momentum: 0.9 clip_gradients: 5',
    BASE + 'lr_policy: "poly" power: 2 type: "AdaDelta" momentum: 0.9',
    BASE + 'lr_policy: "inv" gamma: 0.1 power: 0.75 type: "RMSProp"',
    BASE + 'lr_policy: "sigmoid" gamma: 0.1 stepsize: 5 type: "AdaGrad" weight_decay: 0.1 regularization_type: "L1"',
    'train_net: "net.prototxt" test_net: "net.prototxt" test_iter: 1 test_interval: 1 ' + FIXED,
]


def parse(text):
    return parse_message(text, SolverParameter)


@pytest.mark.parametrize(("rule", "text", "sentence", "refused"), CASES)
def test_every_fault_is_one_sentence(rule, text, sentence, refused):
    found = lint_solver(parse(text))
    assert any(sentence in each for each in found), found


@pytest.mark.parametrize("text", GOOD)
def test_good_solvers_have_no_findings(text):
    assert lint_solver(parse(text), parse_net(NET)) == []


def test_every_rule_has_a_case():
    assert SOLVER_RULES.keys() == {rule for rule, *_ in CASES}
    assert SOLVER_WARNINGS.keys() == {"numbers_of_policy", "clipping_beside_frozen"}


def test_warnings():
    assert warn_solver(parse(BASE + FIXED)) == []
    assert warn_solver(parse('net: "n" lr_policy: "inv"')) == [
        "lr_policy 'inv' computes with gamma, which is not given and so is 0",
        "lr_policy 'inv' computes with power, which is not given and so is 0",
        "base_lr is not given, so the learning rate is 0",
        "max_iter is not given, so training ends at once",
    ]


def test_clipping_beside_frozen_layers():
    clipping = parse(BASE + FIXED + "clip_gradients: 5")
    net = parse_net(NET)
    assert warn_solver(clipping, net) == []
    net.layer[1].param.add(lr_mult=0)
    (warning,) = warn_solver(clipping, net)
    assert "the frozen layers ip are left out" in warning


STEP_ALL = """
import os, sys
import caffe
caffe.set_mode_cpu()
for path in sys.argv[1:]:
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        caffe.get_solver(path).step(2)
        os._exit(0)
    print("ran" if os.waitpid(child, 0)[1] == 0 else "refused", path)
"""


@pytest.mark.caffe
def test_real_caffe_agrees(real_caffe, tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    solvers = [(text, refused) for _, text, _, refused in CASES if refused is not None]
    solvers += [(text, False) for text in GOOD]
    for index, (text, _) in enumerate(solvers):
        (tmp_path / f"{index}").write_text(text + " solver_mode: CPU")
    done = real_caffe.run_python(STEP_ALL, *map(str, range(len(solvers))), cwd=tmp_path)
    said = [line.split()[0] for line in done.stdout.splitlines() if line.startswith(("ran ", "refused "))]
    assert len(said) == len(solvers), done.stdout[-2000:]
    wanted = ["refused" if refused else "ran" for _, refused in solvers]
    wrong = [(text, says) for (text, _), says, want in zip(solvers, said, wanted, strict=True) if says != want]
    assert wrong == []
