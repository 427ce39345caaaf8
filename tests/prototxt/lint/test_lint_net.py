import pytest

from prototxt.formats.text import parse_net, to_text
from prototxt.lint import lint_net, warn_net
from prototxt.lint.registry import LAYER_RULES, NET_RULES, NET_WARNINGS
from prototxt.net.layer_types import LAYER_TYPES
from prototxt.templates import TEMPLATES, read_template
from tests.prototxt.lint.net_cases import CASES, CUT, GOOD, INPUTS, TWO_LSTMS, one

SHARED = """
import sys
import caffe
net = caffe.Net(sys.argv[1], caffe.TRAIN)
net.params["it"][2].data[...] = 0.5
net.blobs["seq"].data[...], net.blobs["cont"].data[...] = 1, 1
net.forward()
same = net.blobs["it"].data == net.blobs["too"].data
print(same[0].all(), same[1:].any())
"""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_every_fault_is_one_sentence_naming_the_layer(case):
    found = lint_net(parse_net(INPUTS + case.layers))
    assert any(case.sentence in sentence for sentence in found), found
    assert all("\n" not in sentence for sentence in found)
    assert case.rule == "named" or all(sentence.startswith("layer 'it' (") for sentence in found)


@pytest.mark.parametrize("layers", GOOD)
def test_good_nets_have_no_findings(layers):
    assert lint_net(parse_net(INPUTS + layers)) == []


def test_every_rule_has_a_case():
    assert LAYER_RULES.keys() | NET_RULES.keys() == {case.rule for case in CASES}
    assert not LAYER_RULES.keys() & NET_RULES.keys()


def test_every_type_that_a_rule_names_exists():
    assert all(rule.types <= LAYER_TYPES.keys() for rule in LAYER_RULES.values())
    assert sum(not known.master_only for known in LAYER_TYPES.values()) == 59


def test_findings_begin_with_file_and_line(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(INPUTS + one("Relu"))
    assert lint_net(parse_net(path.read_text()), path)[0].startswith(f"{path}:6: layer 'it' (Relu): stock Caffe has no")


def test_phases_are_looked_at_alone():
    net = parse_net("""
        layer { name: "train" type: "DummyData" top: "data" include { phase: TRAIN } dummy_data_param { shape {} } }
        layer { name: "test" type: "DummyData" top: "data" include { phase: TEST } dummy_data_param { shape {} } }
        layer { name: "loss" type: "ReLU" bottom: "data" top: "x" include { phase: TRAIN } }
        layer { name: "out" type: "ReLU" bottom: "x" top: "y" }
    """)
    (finding,) = lint_net(net)
    assert "layer 'out' (ReLU): its bottom 'x' does not exist in phase TEST" in finding
    assert lint_net(net, phases=["TRAIN"]) == []
    both = parse_net('layer { name: "a" type: "ReLU" include {} exclude {} }')
    assert "a" in lint_net(both)[0]


def test_a_deploy_net_needs_no_training_data():
    net = parse_net("""
        layer { name: "data" type: "Input" top: "data" include { phase: TEST } input_param { shape { dim: 1 } } }
        layer { name: "r" type: "ReLU" bottom: "data" top: "data" }
    """)
    assert lint_net(net) == []
    assert lint_net(parse_net('layer { name: "r" type: "ReLU" bottom: "data" top: "x" }')) != []


@pytest.mark.parametrize(
    ("rule", "layers", "sentence"),
    [
        ("names_are_unique", one("ReLU") + one("ReLU", top="y"), "2 layers have this name in phase TRAIN"),
        ("settings_are_read", one("ReLU", "tanh_param {}"), "its tanh_param is ignored: ReLU does not read it"),
        (
            "recurrent_weights_are_shared_by_every_step",
            TWO_LSTMS % ('name: "w"', 'name: "w"'),
            "shares parameter 'w' with layer 'it', but in training Caffe shares it at the first step only",
        ),
        (
            "gradients_would_pass_flatten",
            "".join(line for line in (CUT % 'type: "Slice"').splitlines() if "loss" not in line),
            "make it a Reshape with shape { dim: 0 dim: -1 }",
        ),
        ("tops_are_read", one("Slice", 'top: "y"') + one("Silence", bottom="x", top="")[:-1] + "}", "its top 'y'"),
    ],
)
def test_warnings(rule, layers, sentence):
    layers = layers.replace('top: "" ', "")
    assert any(sentence in warning for warning in warn_net(parse_net(INPUTS + layers)))
    assert rule in NET_WARNINGS
    assert len(NET_WARNINGS) == 5


def test_input_weights_may_be_shared_and_recurrent_ones_in_tests():
    of_inputs = TWO_LSTMS.replace("param {} param {}", 'param { name: "x" } param { name: "b" }') % ("", "")
    of_tests = TWO_LSTMS.replace("recurrent_param", "include { phase: TEST } recurrent_param") % (('name: "w"',) * 2)
    for layers in (of_inputs, of_tests):
        assert not any("at the first step only" in warning for warning in warn_net(parse_net(INPUTS + layers)))


@pytest.mark.caffe
def test_caffe_shares_recurrent_weights_at_the_first_step_only(real_caffe, tmp_path):
    (tmp_path / "net.prototxt").write_text(INPUTS + TWO_LSTMS % ('name: "w"', 'name: "w"'))
    result = real_caffe.run_python(SHARED, tmp_path / "net.prototxt")
    assert result.returncode == 0, result.stdout
    assert result.stdout.split()[-2:] == ["True", "False"]


@pytest.mark.data
def test_published_nets_pass(data_folder):
    for path in sorted(data_folder.glob("models/*/*.prototxt")):
        assert lint_net(parse_net(path.read_text()), path) == []


# One process for all nets: every one is loaded in a fork, whose abort is seen by its parent.
LOAD_ALL = """
import os, sys
import caffe
for path in sys.argv[1:]:
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        caffe.Net(path, caffe.TEST)
        os._exit(0)
    print("loaded" if os.waitpid(child, 0)[1] == 0 else "refused", path)
"""


@pytest.mark.caffe
def test_real_caffe_agrees(real_caffe, tmp_path):
    nets = [(case.layers, case.aborts) for case in CASES] + [(layers, False) for layers in GOOD]
    paths = []
    for index, (layers, _) in enumerate(nets):
        paths.append(tmp_path / f"{index}.prototxt")
        paths[-1].write_text(INPUTS + layers)
    done = real_caffe.run_python(LOAD_ALL, *paths, cwd=tmp_path)
    said = dict(
        reversed(line.split(" ", 1)) for line in done.stdout.splitlines() if line.startswith(("loaded", "refu"))
    )
    assert len(said) == len(nets), done.stdout[-2000:]
    wrong = [
        (said[str(path)], layers)
        for path, (layers, refused) in zip(paths, nets, strict=True)
        if said[str(path)] != ("refused" if refused else "loaded")
    ]
    assert wrong == []


@pytest.mark.parametrize("name", TEMPLATES)
def test_reference_nets_pass(name):
    net = read_template(name)
    assert lint_net(net) == []
    assert warn_net(net) == []
    assert parse_net(to_text(net)) == net
