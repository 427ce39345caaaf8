"""Which layers may write over their bottom: the table against numbers and gradients of real Caffe."""

import pytest

from prototxt.formats.text import parse_net
from prototxt.lint import lint_net
from prototxt.net.layer_types import LAYER_TYPES

# Layers that keep their bottom's shape, with settings.
LAYERS = {
    "BNLL": "",
    "BatchNorm": "",
    "Bias": "bias_param { filler { value: 0.3 } }",
    "Clip": "clip_param { min: 0.4 max: 0.9 }",
    "Convolution": "convolution_param { num_output: 4 kernel_size: 1 weight_filler { type: 'constant' value: 0.3 } }",
    "Dropout": "",
    "ELU": "",
    "Exp": "",
    "LRN": "",
    "Log": "",
    "MVN": "",
    "PReLU": "",
    "Power": "power_param { scale: 2 shift: 1 }",
    "Power ": "power_param { power: 2 }",
    "Power  ": "power_param { power: 0.5 shift: 3 }",
    "ReLU": "relu_param { negative_slope: 0.1 }",
    "Scale": "scale_param { filler { value: 0.3 } bias_term: true }",
    "Sigmoid": "",
    "Softmax": "",
    "Swish": "",
    "TanH": "",
}
NET = """
force_backward: true
layer {{ name: "in" type: "Input" top: "data" input_param {{ shape {{ dim: 2 dim: 4 dim: 3 dim: 3 }} }} }}
layer {{ name: "pre" type: "Power" bottom: "data" top: "x" power_param {{ scale: 0.5 shift: 0.7 }} }}
layer {{ name: "it" type: "{type}" bottom: "x" top: "{top}" {settings} }}
layer {{ name: "post" type: "Power" bottom: "{top}" top: "out" }}
"""
COMPARE = """
import os, sys
import caffe, numpy as np
rng = np.random.RandomState(0)
data, diff = rng.uniform(-1, 1, (2, 2, 4, 3, 3))
for path in sys.argv[1:]:
    results = []
    for name in (path, path + ".in_place"):
        net = caffe.Net(name, caffe.TRAIN if "BatchNorm" in path else caffe.TEST)
        net.blobs["data"].data[...] = data
        net.forward()
        out = net.blobs["out"].data.copy()
        net.blobs["out"].diff[...] = diff
        net.backward()
        results.append((out, net.blobs["data"].diff.copy()))
    same = all(np.allclose(a, b, atol=1e-5) for a, b in zip(*results))
    print("verdict", os.path.basename(path).replace("_", " "), "same" if same else "differs", sep="|")
"""


def net_text(type, settings, top):
    return NET.format(type=type.strip(), settings=settings.replace("'", '"'), top=top)


def allowed(type, settings):
    return lint_net(parse_net(net_text(type, settings, "x"))) == []


@pytest.mark.caffe
def test_table_of_in_place_layers_is_what_real_caffe_computes(real_caffe, tmp_path):
    paths = []
    for type, settings in LAYERS.items():
        paths.append(tmp_path / type.replace(" ", "_"))
        paths[-1].write_text(net_text(type, settings, "y"))
        (tmp_path / f"{paths[-1].name}.in_place").write_text(net_text(type, settings, "x"))
    done = real_caffe.run_python(COMPARE, *paths)
    said = dict(line.split("|")[1:] for line in done.stdout.splitlines() if line.startswith("verdict"))
    assert said.keys() == LAYERS.keys(), done.stdout[-2000:]
    master_only = {name for name, known in LAYER_TYPES.items() if known.master_only}
    ours = {type: "same" if allowed(type, s) else "differs" for type, s in LAYERS.items() if type not in master_only}
    assert ours == {type: verdict for type, verdict in said.items() if type not in master_only}
    for type in master_only:
        assert said[type] == ("same" if LAYER_TYPES[type].in_place == "yes" else "differs")
