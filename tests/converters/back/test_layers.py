"""Every layer of Caffe, in the forms that goldens of real Caffe exist of, as PyTorch and as ONNX."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from converters.back.describing import DESCRIPTIONS
from converters.back.examples import example_batches
from converters.back.inference_net import DROPPED_TYPES, LAYER_OF_LOSS
from converters.back.source_net import SourceNet, source_net
from converters.errors import ConversionError
from prototxt.formats.text import parse_net
from prototxt.net.extension_types import EXTENSION_TYPES
from prototxt.net.layer_types import LAYER_TYPES
from tests.converters.back.nets import PROGRAMS, assert_equal, in_onnx, in_pytorch
from tests.golden.layer_cases import CASES
from tests.golden.one_layer import Case, spread
from torchcaffe.network import Network

WRITTEN = {"pytorch": in_pytorch, "onnx": in_onnx}


def of_case(case: Case) -> tuple[SourceNet, dict]:
    """The net of a case with its parameters, and its bottoms."""
    net = parse_net(case.prototxt())
    network = Network(net, "TEST", seed=0)
    weights = network.weights()
    for seed, array in enumerate(weights.get("layer", [])):
        array[...] = spread(array.shape, 100 + seed, *case.params)
    source = source_net(net, weights)
    inputs = {
        value: array for value in source.inputs for array in [case.arrays()[int(value.blob.removeprefix("bottom"))]]
    }
    return source, inputs


MEASURES = DROPPED_TYPES | {"Silence"}
FORWARD = {
    name: case for name, case in CASES.items() if case.bottoms and case.phase == "TEST" and case.type not in MEASURES
}
NOT_DESCRIBED = {
    "Data": "becomes an input",
    "HDF5Data": "becomes an input",
    "ImageData": "becomes an input",
    "Input": "is an input",
    "MemoryData": "becomes an input",
    "WindowData": "becomes an input",
    "Python": "is refused by name",
    **dict.fromkeys(DROPPED_TYPES, "measures or stores"),
    "Silence": "has no top, so no output needs it",
    **dict.fromkeys(LAYER_OF_LOSS, "becomes another layer"),
}


@pytest.mark.parametrize("name", FORWARD)
@pytest.mark.parametrize("program", WRITTEN)
def test_layer(name: str, program: str, tmp_path: Path) -> None:
    source, inputs = of_case(FORWARD[name])
    assert_equal(WRITTEN[program](source, tmp_path, [inputs]))


def test_every_layer_type_is_described_or_has_a_reason() -> None:
    assert DESCRIPTIONS.keys() | NOT_DESCRIBED.keys() == LAYER_TYPES.keys() | EXTENSION_TYPES.keys()
    assert not DESCRIPTIONS.keys() & NOT_DESCRIBED.keys()
    assert {case.type for case in FORWARD.values()} >= DESCRIPTIONS.keys() - EXTENSION_TYPES.keys() - {
        "DummyData",
        "Parameter",
    }


def test_constants_and_learned_blobs(tmp_path: Path) -> None:
    """DummyData and Parameter have no bottoms."""
    net = parse_net(CONSTANTS)
    blobs = {"learned": [spread((2, 3), 1)]}
    source = source_net(net, blobs)
    assert not source.batch_is_free  # the constant has one length
    assert_equal(in_pytorch(source, tmp_path))
    assert_equal(in_onnx(source, tmp_path))


CONSTANTS = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 } } }
layer { name: "learned" type: "Parameter" top: "learned" parameter_param { shape { dim: 2 dim: 3 } } }
layer { name: "dummy" type: "DummyData" top: "ones" top: "twos"
        dummy_data_param { shape { dim: 2 dim: 3 } data_filler { value: 1 } data_filler { value: 2 } } }
layer { name: "sum" type: "Eltwise" bottom: "data" bottom: "learned" bottom: "twos" top: "sum" }
layer { name: "product" type: "Eltwise" bottom: "sum" bottom: "ones" top: "product" eltwise_param { operation: PROD } }
"""


@pytest.mark.parametrize("kind", sorted(DROPPED_TYPES - {"HDF5Output"}))
def test_what_only_measures_is_left_out_and_said(kind: str) -> None:
    labels = 'bottom: "label" bottom: "label"' if kind == "ContrastiveLoss" else 'bottom: "label"'
    net = parse_net(
        'layer { name: "d" type: "Input" top: "data" top: "label" input_param { shape { dim: 2 dim: 3 } } }'
        'layer { name: "r" type: "ReLU" bottom: "data" top: "r" }'
        f'layer {{ name: "m" type: "{kind}" bottom: "r" {labels} top: "m" }}'
    )
    source = source_net(net, {})
    assert [layer.type for layer in source.layers] == ["ReLU"]
    assert any(f"layer 'm' ({kind})" in note for note in source.notes)


@pytest.mark.parametrize("shape", [(3,), (3, 5), (2, 3, 4, 2, 2)])
def test_arg_max_of_any_number_of_axes(shape: tuple[int, ...], tmp_path: Path) -> None:
    dims = " ".join(f"dim: {size}" for size in shape)
    net = parse_net(
        f'layer {{ name: "d" type: "Input" top: "data" input_param {{ shape {{ {dims} }} }} }}'
        'layer { name: "a" type: "ArgMax" bottom: "data" top: "a" argmax_param { out_max_val: true } }'
    )
    source = source_net(net, {})
    assert_equal(in_pytorch(source, tmp_path))
    assert_equal(in_onnx(source, tmp_path))


def test_labels_go_with_the_loss() -> None:
    net = parse_net(
        'layer { name: "d" type: "Input" top: "data" top: "label" input_param { shape { dim: 2 dim: 3 } } }'
        'layer { name: "m" type: "SoftmaxWithLoss" bottom: "data" bottom: "label" top: "loss" }'
    )
    source = source_net(net, {})
    assert [value.blob for value in source.inputs] == ["data"]
    assert [(layer.type, layer.node.tops[0].blob) for layer in source.layers] == [("Softmax", "prob")]


def test_python_layers_are_refused_by_name() -> None:
    net = parse_net(
        'layer { name: "d" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 } } }'
        'layer { name: "mine" type: "Python" bottom: "data" top: "m" python_param { module: "nets" layer: "Mine" } }'
    )
    with pytest.raises(ConversionError, match=r"'mine' \(nets\.Mine\)"):
        source_net(net, {})


def test_batch_norm_without_statistics_is_zero_over_eps(tmp_path: Path) -> None:
    net = parse_net(
        'layer { name: "d" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 } } }'
        'layer { name: "bn" type: "BatchNorm" bottom: "data" top: "bn" batch_norm_param { eps: 0.25 } }'
    )
    source = source_net(net, {"bn": [np.ones(3, np.float32), np.ones(3, np.float32), np.zeros(1, np.float32)]})
    (inputs,) = example_batches(source, 2, 1)
    (value,) = source.outputs
    for program in PROGRAMS.values():
        np.testing.assert_allclose(
            program(source, tmp_path).run(inputs)[value], 2 * next(iter(inputs.values())), rtol=1e-6
        )


@pytest.mark.parametrize(
    ("height", "width", "kernel", "stride", "pad"),
    [
        (7, 8, 3, 2, 0),
        (7, 8, 3, 2, 1),
        (8, 6, 2, 3, 0),
        (9, 7, 1, 4, 0),
        (6, 6, 2, 2, 1),
        (5, 9, 4, 3, 3),
        (10, 7, 2, 5, 0),
    ],
)
@pytest.mark.parametrize("method", ["MAX", "AVE"])
def test_windows_of_pooling(
    height: int, width: int, kernel: int, stride: int, pad: int, method: str, tmp_path: Path
) -> None:
    """Rounded up, with surplus windows where the stride is larger than the kernel, and AVE's divisor at the border."""
    net = parse_net(
        'layer { name: "d" type: "Input" top: "data" input_param '
        f"{{ shape {{ dim: 2 dim: 3 dim: {height} dim: {width} }} }} }}"
        'layer { name: "p" type: "Pooling" bottom: "data" top: "p" pooling_param '
        f"{{ pool: {method} kernel_size: {kernel} stride: {stride} pad: {pad} }} }}"
    )
    source = source_net(net, {})
    assert_equal(in_pytorch(source, tmp_path))
    assert_equal(in_onnx(source, tmp_path))
