"""What each target takes, and what a net becomes for it."""

from __future__ import annotations

import contextlib
import re

import numpy as np
import pytest

from prototxt.__main__ import main
from prototxt.common.errors import InputError
from prototxt.formats.schema import NetParameter
from prototxt.formats.text import parse_net
from prototxt.net.layer_types import LAYER_TYPES
from prototxt.net.shapes import infer_shapes
from prototxt.targets import REWRITES, lint_for, target, target_names
from torchcaffe.network import Network

INPUT = """
layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 1 dim: 3 dim: {0} dim: {0} }} }} }}
"""
RESHAPE = """
layer { name: "1" type: "Reshape" bottom: "data" top: "r" reshape_param { shape { dim: [1, 1, 1, 0, -1] } } }
"""
POOL = """
layer { name: "pool" type: "Pooling" bottom: "data" top: "pool/up" pooling_param { kernel_size: 3 stride: 2 pad: 1 } }
"""
SLICED = """
layer { name: "pool/rows" type: "Slice" bottom: "pool/up" top: "pool/kept" top: "junk1"
        slice_param { axis: 2 slice_point: 6 } }
layer { name: "pool/columns" type: "Slice" bottom: "pool/kept" top: "pool" top: "junk2"
        slice_param { axis: 3 slice_point: 6 } }
layer { name: "silence" type: "Silence" bottom: "junk1" bottom: "junk2" }
"""
CROPPED = """
layer { name: "pool/size" type: "Convolution" bottom: "data" top: "pool/size" param { lr_mult: 0 }
        convolution_param { num_output: 1 kernel_size: 3 stride: 2 pad: 1 bias_term: false } }
layer { name: "pool/cut" type: "Crop" bottom: "pool/up" bottom: "pool/size" top: "pool" crop_param { axis: 2 } }
"""
RELU = 'layer { name: "relu" type: "ReLU" bottom: "pool" top: "pool" }'


def net(*layers: str, size: int = 12):
    return parse_net(INPUT.format(size) + "".join(layers))


def test_every_file_is_whole() -> None:
    assert target_names()[0] == "caffe-1.0"
    assert set(target_names()) == {"caffe-1.0", "caffe-master", "rknn", "atc", "nnie", "tpu-mlir", "ncnn"}
    for name in target_names():
        known = target(name)
        assert set(known.without) <= LAYER_TYPES.keys(), name
        assert not set(known.extra) & LAYER_TYPES.keys(), name
        assert set(known.rewrites) <= REWRITES.keys(), name
    with pytest.raises(InputError, match=r"--target: unknown target 'rkn' \(did you mean 'rknn'\?\); use one of atc"):
        target("rkn")


@pytest.mark.parametrize("cut", [SLICED, CROPPED])
def test_floor_pooling_takes_the_place_of_a_cut(cut: str) -> None:
    old = net(POOL, cut, RELU)
    weights = {"pool/size": [np.zeros((1, 3, 3, 3), np.float32)]} if cut == CROPPED else {}
    result = REWRITES["floor_pooling"](old, weights)
    assert [(layer.name, layer.type) for layer in result.net.layer] == [
        *(("data", "Input"), ("pool", "Pooling"), ("relu", "ReLU"))
    ]
    assert result.weights == {}
    assert infer_shapes(result.net).blob("pool") == infer_shapes(old).blob("pool") == (1, 3, 6, 6)
    last = "pool/columns" if cut == SLICED else "pool/cut"
    assert result.moved[last, 0] == ("pool", 0)
    assert lint_for(target("rknn"), result.net) == []


def test_a_slice_whose_pieces_are_used_stays() -> None:
    used = SLICED.replace('name: "silence" type: "Silence" bottom: "junk1"', 'name: "silence" type: "TanH" top: "t"')
    old = net(POOL, used, RELU)
    assert REWRITES["floor_pooling"](old, {}).net == old


CASES = {
    "rknn": (SLICED, r"layer 'silence' \(Silence\): Rockchip rknn-toolkit2: there is no layer type 'Silence'"),
    "atc": (
        'layer { name: "bn" type: "BatchNorm" bottom: "data" top: "bn" } layer { name: "pool" type: "Crop" }',
        r"layer 'bn' \(BatchNorm\): Ascend ATC: has use_global_stats false; write use_global_stats: true",
    ),
    "nnie": (
        "".join(f'layer {{ name: "n{n}" type: "TanH" bottom: "data" top: "n{n}" }}' for n in range(17)),
        "HiSilicon NNIE: the net has 17 outputs; at most 16 are given",
    ),
    "tpu-mlir": (
        'layer { name: "b" type: "Bias" bottom: "data" top: "b" }',
        r"layer 'b' \(Bias\): Sophgo tpu-mlir: there is no layer type 'Bias'",
    ),
    "ncnn": (
        'layer { name: "c" type: "Convolution" bottom: "data" top: "c" '
        "convolution_param { num_output: 1 kernel_size: 3 dilation: 1 dilation: 2 } }",
        r"layer 'c' \(Convolution\): ncnn caffe2ncnn: has dilation \[1, 2\]; give one dilation for both axes",
    ),
    "caffe-1.0": (
        'layer { name: "c" type: "Clip" bottom: "data" top: "c" }',
        r"layer 'c' \(Clip\): Clip is not in Caffe 1\.0",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_target_refuses(name: str) -> None:
    layers, expected = CASES[name]
    findings = lint_for(target(name), net(POOL if "pool/up" in layers else "", layers))
    assert any(re.search(expected, finding) for finding in findings), findings


def test_axes_extents_and_names() -> None:
    tall = net(RESHAPE)
    found = lint_for(target("atc"), tall)
    assert any("the name '1' must begin with a letter" in sentence for sentence in found)
    assert any("at most 4 axes are taken" in sentence for sentence in found)
    assert any("5000x5000; at most 4096 are taken" in each for each in lint_for(target("atc"), net(size=5000)))


def test_master_takes_what_1_0_does_not() -> None:
    clip = net('layer { name: "c" type: "Clip" bottom: "data" top: "c" clip_param { min: 0 max: 6 } }')
    assert lint_for(target("caffe-master"), clip) == []


def test_bias_as_scale() -> None:
    old = net('layer { name: "b" type: "Bias" bottom: "data" top: "b" param { lr_mult: 0 } bias_param { axis: 1 } }')
    result = REWRITES["bias_as_scale"](old, {"b": [np.arange(3.0)]})
    assert [array.tolist() for array in result.weights["b"]] == [[1, 1, 1], [0, 1, 2]]
    assert lint_for(target("tpu-mlir"), result.net) == []


BOUNDED = """
layer { name: "r" type: "ReLU" bottom: "data" top: "r" }
layer { name: "c/negative" type: "Power" bottom: "r" top: "n" power_param { scale: -1 } }
layer { name: "c/high" type: "Power" bottom: "n" top: "h" power_param { scale: 0 shift: -6 } }
layer { name: "c/at_most" type: "Eltwise" bottom: "h" bottom: "n" top: "m" eltwise_param { operation: MAX } }
layer { name: "c" type: "Power" bottom: "m" top: "c" power_param { scale: -1 } }
layer { name: "t" type: "TanH" bottom: "c" top: "t" }
"""


def test_a_bounded_relu_is_one_layer() -> None:
    clipped, six = (REWRITES[name](net(BOUNDED), {}) for name in ("clip", "relu6"))
    assert [(layer.name, layer.type) for layer in clipped.net.layer] == [
        *(("data", "Input"), ("c", "Clip"), ("t", "TanH"))
    ]
    assert (clipped.net.layer[1].clip_param.min, clipped.net.layer[1].clip_param.max) == (0, 6)
    assert (list(clipped.net.layer[1].bottom), list(clipped.net.layer[1].top)) == (["data"], ["c"])
    assert six.net.layer[1].type == "ReLU6"
    assert lint_for(target("caffe-master"), clipped.net) == []
    images = np.random.default_rng(0).normal(0, 6, (1, 3, 12, 12)).astype(np.float32)
    ours, plain = (_run(each, images) for each in (clipped.net, net(BOUNDED)))
    assert np.array_equal(ours, plain)


def test_a_bounded_relu_that_is_read_in_between_stays() -> None:
    read = net(BOUNDED, 'layer { name: "x" type: "TanH" bottom: "n" top: "x" }')
    assert REWRITES["clip"](read, {}).net == read
    assert REWRITES["relu6"](net(BOUNDED.replace("-6", "-5")), {}).net == net(BOUNDED.replace("-6", "-5"))


def _run(of: NetParameter, images: np.ndarray) -> np.ndarray:
    network = Network(of, seed=0)
    (value,) = network.run({"data": images}, keep=["c"]).values()
    return value.numpy()


def test_layers_of_forks_are_judged_by_the_target(tmp_path, capsys) -> None:
    permute = (
        'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 4 dim: 4 } } }'
        'layer { name: "p" type: "Permute" bottom: "data" top: "p" permute_param { order: 0 order: 2 order: 3 } }'
    )
    net = parse_net(permute)
    assert lint_for(target("rknn"), net) == []
    assert any("no layer type 'Permute'" in finding for finding in lint_for(target("caffe-1.0"), net))
    assert any("no layer type 'Permute'" in finding for finding in lint_for(target("caffe-master"), net))
    assert lint_for(target("caffe-1.0"), net, extensions=True) == []
    (tmp_path / "net.prototxt").write_text(permute)
    main(["lint", str(tmp_path / "net.prototxt"), "--extensions"])
    assert "takes it" in capsys.readouterr().out


def test_the_command(tmp_path, capsys) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(INPUT.format(12) + POOL + SLICED)
    main(["lint", str(path)])
    *_, warning, verdict = capsys.readouterr().out.splitlines()
    assert warning.startswith(f"warning: {path}:")
    assert verdict == f"{path}: BVLC Caffe 1.0 takes it"
    with pytest.raises(SystemExit) as exit_:
        main(["lint", str(path), "--target", "rknn"])
    assert exit_.value.code == 1
    assert f"{path}:" in capsys.readouterr().out
    with pytest.raises(SystemExit) as exit_:
        main(["lint", str(tmp_path / "none.prototxt")])
    assert exit_.value.code == 2
    assert "no such file" in capsys.readouterr().err


def test_layers_of_forks_that_a_target_has() -> None:
    forked = net('layer { name: "r" type: "ReLU6" bottom: "data" top: "r" }')
    assert lint_for(target("rknn"), forked) == []
    (finding,) = lint_for(target("nnie"), forked)
    assert "HiSilicon NNIE: there is no layer type 'ReLU6'" in finding
    turned = net(
        'layer { name: "p" type: "Permute" bottom: "data" top: "p"'
        " permute_param { order: 0 order: 1 order: 3 order: 2 } }"
    )
    (finding,) = lint_for(target("nnie"), turned)
    assert "has order [0, 1, 3, 2]; only the order 0, 2, 3, 1 is taken" in finding


@pytest.mark.parametrize(("target", "said"), [("caffe-1.0", 1), ("caffe-master", 1), ("rknn", 0)])
def test_a_ceil_mode_that_reading_takes_away_is_named(tmp_path, capsys, target, said) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(
        """input: "data" input_shape { dim: 1 dim: 3 dim: 8 dim: 8 }
        layer { name: "p" type: "Pooling" bottom: "data" top: "p" pooling_param { kernel_size: 2 ceil_mode: true } }"""
    )
    with contextlib.suppress(SystemExit):
        main(["lint", str(path), "--target", target])
    printed = capsys.readouterr().out
    assert printed.count("net.prototxt:2: layer 'p' (Pooling): has ceil_mode, a fork's field") == said
