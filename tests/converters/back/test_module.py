"""The module as text: what a person would have written, laid out as ``ruff format`` does it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import numpy as np
import torch

from converters.back.pytorch.expression import Code, bracketed, call, chain, listed, number, statement
from converters.back.pytorch.identifiers import Identifiers, class_name, identifier
from converters.back.pytorch.module import to_module
from converters.back.source_net import SourceNet, source_net
from prototxt.formats.text import parse_net
from prototxt.net.build import input_layer, layer, net
from tests.converters.back.nets import assert_equal, in_pytorch, written
from tests.converters.back.test_layers import FORWARD, of_case
from tests.converters.back.test_nets import MAKERS, TRAINED, with_random_weights
from tests.prototxt.random_nets import random_net
from tests.torchcaffe.layers.test_extensions import SSD
from torchcaffe.network import Network


def long_names() -> SourceNet:
    """Names that do not fit on lines, and an expression of many terms."""
    stem = "a_blob_with_a_name_that_is_longer_than_people_who_write_prototxt_should_take"
    blobs = [f"{stem}_{place}" for place in range(4)]
    layers = [input_layer("data", (2, 4, 6, 6))]
    layers += [
        layer("Convolution", blob, "data", convolution_param={"num_output": 4, "kernel_size": [3], "pad": [1]})
        for blob in blobs
    ]
    layers += [
        layer("Concat", "all", blobs),
        layer("Eltwise", "sum", blobs, eltwise_param={"coeff": [1, -2, 0.5, -1]}),
        layer("Scale", f"{stem}_scale", "sum", scale_param={"bias_term": True}),
        layer("Eltwise", "both", ["sum", f"{stem}_scale"], eltwise_param={"operation": "PROD"}),
    ]
    return with_random_weights(net("long", layers))


def test_ruff_would_change_nothing(tmp_path: Path) -> None:
    sources = {name: of_case(case)[0] for name, case in FORWARD.items()}
    for seed in range(8):
        sources[f"random{seed}"] = with_random_weights(random_net(Random(seed), MAKERS, (2, 4, 9, 8), 14))
    sources |= {"trained": with_random_weights(TRAINED, {"label": (2,)}), "long": long_names()}
    sources["ssd"] = source_net(parse_net(SSD), Network(parse_net(SSD), seed=1).weights())
    for name, source in sources.items():
        (tmp_path / f"{name}.py").write_text(to_module(source, name, "Input: data.").text())
    for command in (["format", "--check", "--diff"], ["check", "--select", "E4,E7,E9,F,W,I,UP,B"]):
        done = subprocess.run(
            [Path(sys.executable).with_name("ruff"), *command[:1], "--isolated", *command[1:], tmp_path],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_long_lines_compute_the_same(tmp_path: Path) -> None:
    assert_equal(in_pytorch(long_names(), tmp_path))


def test_the_same_net_gives_the_same_text() -> None:
    assert to_module(long_names()).text() == to_module(long_names()).text()


def test_names_of_python() -> None:
    names = Identifiers()
    assert [
        names.unique(name, "blob") for name in ("conv1/7x7_s2", "conv1.7x7-s2", "0", "class", "self", "torch", "ü")
    ] == (["conv1_7x7_s2", "conv1_7x7_s2_2", "blob_0", "class_", "self_", "torch_", "blob"])
    assert identifier("lambda", "layer") == "lambda_"
    assert [class_name(name) for name in ("squeezenet_v1.1", "LeNet", "mobile-net ssd", "3d", "VGG_ILSVRC_16")] == (
        ["SqueezenetV1_1", "LeNet", "MobileNetSsd", "Net3d", "VGGILSVRC_16"]
    )


def test_layers_may_be_called_like_things_of_python(tmp_path: Path) -> None:
    made = net(
        "names",
        [
            input_layer("self", (2, 3, 4, 4)),
            layer("Convolution", "forward", "self", "torch", convolution_param={"num_output": 2, "kernel_size": [1]}),
            layer("ReLU", "train", "torch", "nn"),
            layer("InnerProduct", "F", "nn", "load", inner_product_param={"num_output": 3}),
            layer("Softmax", "weight'\"\n", "load", 'a "quoted" blob'),
            layer("Sigmoid", "state_dict", "load", "list"),
        ],
    )
    assert_equal(in_pytorch(with_random_weights(made), tmp_path))


def test_numbers_are_as_short_as_they_can_be() -> None:
    assert [number(value) for value in (float(np.float32(0.1)), 1e-5, 2, 3.0, True, float("nan"))] == (
        ["0.1", "1e-05", "2", "3.0", "True", 'float("nan")']
    )


def test_operators_keep_their_order() -> None:
    a, b, c = Code("a"), Code("b"), Code("c")
    assert chain("*", chain("+", a, b), c).text == "(a + b) * c"
    assert chain("-", a, chain("-", b, c)).text == "a - (b - c)"
    assert chain("/", chain("*", a, b), chain("*", b, c)).text == "a * b / (b * c)"
    assert statement("x = ", call("f", listed([a, b]), dim=Code("1")), 4) == ["    x = f([a, b], dim=1)"]
    long = bracketed("f(", [Code("a" * 50), Code("b" * 50)], ")")
    assert statement("x = ", long, 0) == ["x = f(", f"    {'a' * 50},", f"    {'b' * 50},", ")"]


def test_a_written_module_can_be_trained(tmp_path: Path) -> None:
    source = with_random_weights(TRAINED, {"label": (2,)})
    module = written(source, tmp_path).train()
    module(torch.rand(2, 3, 8, 8))[:, 0].log().sum().backward()
    assert all(parameter.grad is not None for parameter in module.parameters())


def test_several_outputs_come_by_their_names(tmp_path: Path) -> None:
    made = net(
        "two",
        [input_layer("data", (1, 3)), layer("ReLU", "relu/x", "data"), layer("Sigmoid", "sig", "data", 'odd "name"')],
    )
    module = written(with_random_weights(made), tmp_path)
    assert list(module(torch.zeros(1, 3))) == ["relu/x", 'odd "name"']
    assert json.loads(json.dumps(list(module(torch.zeros(1, 3))))) == ["relu/x", 'odd "name"']
