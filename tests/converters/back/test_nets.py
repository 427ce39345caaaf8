"""Whole nets: those that people have, old ones, ones to train with, and random ones."""

from __future__ import annotations

from pathlib import Path
from random import Random

import cv2
import numpy as np
import pytest

from converters.back.examples import example_batches
from converters.back.inference_net import inference_net
from converters.back.onnx.model import batch_is_free, to_onnx, write_onnx
from converters.back.pytorch.module import to_module
from converters.back.source_net import SourceNet, read_source_net, source_net
from converters.back.verification import reference_values
from converters.engines import ENGINES, Job
from converters.verdict import difference
from prototxt.formats.schema import NetParameter
from prototxt.formats.text import parse_message, parse_net, to_text
from prototxt.formats.upgrade import upgrade_net
from prototxt.net.build import input_layer, layer, net
from prototxt.net.shapes import infer_shapes
from tests.converters.back.nets import PROGRAMS, assert_equal, in_onnx, in_pytorch
from tests.prototxt.formats.test_upgrade import V0
from tests.prototxt.random_nets import ALL_MAKERS, random_net
from torchcaffe.network import Network

FILES = {
    "cifar10_quick": (
        "cifar10_quick/cifar10_quick_deploy.prototxt",
        "cifar10_quick/cifar10_quick_iter_5000.caffemodel",
    ),
    "lenet": ("lenet/lenet_deploy.prototxt", "lenet/lenet_iter_10000.caffemodel"),
    "mtcnn_det1": ("mtcnn/mtcnn_det1.prototxt", "mtcnn/mtcnn_det1.caffemodel"),
    "mtcnn_det2": ("mtcnn/mtcnn_det2.prototxt", "mtcnn/mtcnn_det2.caffemodel"),
    "mtcnn_det3": ("mtcnn/mtcnn_det3.prototxt", "mtcnn/mtcnn_det3.caffemodel"),
    "squeezenet": ("squeezenet_v1.1/deploy.prototxt", "squeezenet_v1.1/squeezenet_v1.1.caffemodel"),
}


def with_random_weights(text: str | NetParameter, input_shapes: dict[str, tuple[int, ...]] | None = None) -> SourceNet:
    """A net whose parameters are noise; those of BatchNorm are statistics that could be."""
    parsed = parse_net(text) if isinstance(text, str) else text
    first = source_net_shapes(parsed, input_shapes)
    rng = np.random.default_rng(0)
    weights = {
        node.name: [rng.normal(size=shape).astype(np.float32) * 0.5 for shape in first[node.name]]
        for node in parsed.layer
        if node.name in first
    }
    for node in parsed.layer:
        if node.type == "BatchNorm" and node.name in weights:
            mean, variance, _ = weights[node.name]
            weights[node.name] = [mean, np.abs(variance) + 0.5, np.array([2.0], np.float32)]
    return source_net(parsed, weights, input_shapes)


def source_net_shapes(parsed: NetParameter, input_shapes: dict[str, tuple[int, ...]] | None) -> dict:
    return infer_shapes(inference_net(parsed, input_shapes).net).params


@pytest.mark.data
@pytest.mark.parametrize("name", FILES)
def test_nets_that_people_have(name: str, data_folder: Path, tmp_path: Path) -> None:
    prototxt, caffemodel = (data_folder / "models" / file for file in FILES[name])
    source = read_source_net(prototxt, caffemodel, {"data": (1, 3, 64, 64)} if name == "squeezenet" else None)
    assert source.batch_is_free
    batches = example_batches(source, 2, 1)
    assert_equal(in_pytorch(source, tmp_path, batches))
    assert_equal(in_onnx(source, tmp_path, batches))


@pytest.mark.data
def test_a_net_to_train_with_is_its_deploy_net(data_folder: Path) -> None:
    """LeNet's train_test prototxt, with the weights that it was trained to."""
    lenet = data_folder / "models/lenet"
    weights = lenet / "lenet_iter_10000.caffemodel"
    trained = read_source_net(lenet / "lenet_train_test.prototxt", weights, {"data": (2, 1, 28, 28)})
    deployed = read_source_net(lenet / "lenet_deploy.prototxt", weights, {"data": (2, 1, 28, 28)})
    (inputs,) = example_batches(deployed, None, 1)
    (array,) = inputs.values()
    expected = reference_values(deployed, inputs)[deployed.outputs[0]]
    found = reference_values(trained, {trained.graph.inputs[0]: array})[trained.outputs[0]]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.data
@pytest.mark.caffe
def test_one_batch_in_real_caffe(data_folder: Path, tmp_path: Path) -> None:
    jobs, found = [], []
    for name in ("cifar10_quick", "lenet", "mtcnn_det1"):
        prototxt, caffemodel = (data_folder / "models" / file for file in FILES[name])
        source = read_source_net(prototxt, caffemodel)
        (inputs,) = example_batches(source, None, 1)
        layers = {top: (each.name, place) for each in source.layers for place, top in enumerate(each.node.tops)}
        wanted = tuple(layers[value] for value in source.values)
        jobs.append(Job(prototxt, caffemodel, tuple(inputs.values()), wanted))
        found.append([blobs_of(program, source, inputs, tmp_path) for program in ("pytorch", "onnx")])
    for job, results, blobs in zip(jobs, ENGINES["caffe"].run(jobs), found, strict=True):
        for written in blobs:
            assert len(written) == len(job.wanted)
            for top, array in zip(job.wanted, written, strict=True):
                assert difference(array, results[top]).relative < 1e-5, top


@pytest.mark.data
@pytest.mark.parametrize("name", ["cifar10_quick", "lenet", "mtcnn_det3"])
def test_opencv_reads_the_onnx_files(name: str, data_folder: Path, tmp_path: Path) -> None:
    """A reader that rounds and counts its own way: nothing that programs disagree on may be left to it."""
    source = read_source_net(*(data_folder / "models" / file for file in FILES[name]))
    (inputs,) = example_batches(source, 1, 1)
    write_onnx(to_onnx(source), tmp_path / "net.onnx")
    net = cv2.dnn.readNetFromONNX(str(tmp_path / "net.onnx"))
    (images,) = inputs.values()
    net.setInput(images)
    results = net.forward([value.blob for value in source.outputs])
    expected = reference_values(source, inputs)
    for value, result in zip(source.outputs, results, strict=True):
        assert difference(np.reshape(result, expected[value].shape), expected[value]).relative < 1e-5


def blobs_of(program: str, source: SourceNet, inputs: dict, folder: Path) -> list[np.ndarray]:
    values = PROGRAMS[program](source, folder).run(inputs)
    return [values[value] for value in source.values]


def test_a_v0_net(tmp_path: Path) -> None:
    """Padding layers, old type names, one layer in place."""
    source = with_random_weights(
        upgrade_net(parse_message(V0.replace("biasterm: false", "biasterm: true"), NetParameter))
    )
    assert {each.type for each in source.layers} == (
        {"Convolution", "ReLU", "Pooling", "LRN", "Dropout", "InnerProduct", "Concat", "Softmax"}
    )
    assert_equal(in_pytorch(source, tmp_path))
    assert_equal(in_onnx(source, tmp_path))


V1 = """
name: "v1" input: "data" input_dim: 2 input_dim: 3 input_dim: 9 input_dim: 9
layers { name: "c" type: CONVOLUTION bottom: "data" top: "c" convolution_param { num_output: 4 kernel_size: 3 } }
layers { name: "r" type: RELU bottom: "c" top: "c" }
layers { name: "a" type: INNER_PRODUCT bottom: "c" top: "a" param: "w" param: "b"
         inner_product_param { num_output: 6 } }
layers { name: "e" type: INNER_PRODUCT bottom: "a" top: "e" param: "v" param: "b"
         inner_product_param { num_output: 6 } }
layers { name: "f" type: INNER_PRODUCT bottom: "e" top: "f" param: "v" param: "b"
         inner_product_param { num_output: 6 } }
layers { name: "p" type: SOFTMAX bottom: "f" top: "p" }
"""


def test_a_v1_net_with_shared_parameters(tmp_path: Path) -> None:
    source = with_random_weights(V1)
    module = to_text_of(source)
    assert "self.f.weight = self.e.weight" in module
    assert "self.e.bias = self.a.bias" in module
    for name in ("e", "f"):
        source.weights[name][1][...] = source.weights["a"][1]
    source.weights["f"][0][...] = source.weights["e"][0]
    assert_equal(in_pytorch(source, tmp_path))
    assert_equal(in_onnx(source, tmp_path))


def to_text_of(source: SourceNet) -> str:
    return to_module(source).text()


TRAINED = """
name: "trained"
layer { name: "train" type: "Data" top: "data" top: "label" include { phase: TRAIN } data_param { source: "a" } }
layer { name: "test" type: "Data" top: "data" top: "label" include { phase: TEST } data_param { source: "b" }
        transform_param { crop_size: 8 force_color: true mean_value: 10 scale: 0.5 } }
layer { name: "slice" type: "Slice" bottom: "label" top: "first" top: "second" slice_param { axis: 0 } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "conv" }
layer { name: "scale" type: "Scale" bottom: "conv" top: "conv" scale_param { bias_term: true } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "drop" type: "Dropout" bottom: "conv" top: "conv" include { phase: TRAIN } }
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc" inner_product_param { num_output: 5 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "first" top: "loss" }
layer { name: "accuracy" type: "Accuracy" bottom: "fc" bottom: "second" top: "accuracy" include { phase: TEST } }
layer { name: "side" type: "EuclideanLoss" bottom: "fc" bottom: "fc" top: "side" }
"""


def test_a_net_to_train_with(tmp_path: Path) -> None:
    source = with_random_weights(TRAINED, {"label": (2,)})
    assert [value.blob for value in source.inputs] == ["data"]
    assert [value.blob for value in source.outputs] == ["prob"]
    assert source.inputs[source.graph.inputs[0]] == (1, 3, 8, 8)
    for name in ("test", "loss", "accuracy", "side", "slice"):
        assert any(f"'{name}'" in note for note in source.notes), name
    assert_equal(in_pytorch(source, tmp_path))
    assert_equal(in_onnx(source, tmp_path))


MAKERS = {type: maker for type, maker in ALL_MAKERS.items() if type not in ("Accuracy", "DummyData", "Embed")}


@pytest.mark.parametrize("seed", range(12))
def test_random_nets(seed: int, tmp_path: Path) -> None:
    rng = Random(seed)
    made = random_net(rng, MAKERS, (2, 4, 9, 8), 14)
    source = with_random_weights(made)
    batches = example_batches(source, 3 if batch_is_free(source) else None, 1)
    for written in (in_pytorch(source, tmp_path, batches), in_onnx(source, tmp_path, batches)):
        assert not written.note
        assert written.diverging is None, (written.diverging, to_text(made))


def test_what_a_silence_swallows_is_not_computed(tmp_path: Path) -> None:
    made = net(
        "cut",
        [
            input_layer("data", (1, 2, 6, 6)),
            layer("Slice", "cut", "data", ["a", "b", "c"], slice_param={"axis": 2, "slice_point": [2, 5]}),
            layer("Silence", "quiet", ["a", "c"], []),
            layer("ReLU", "relu", "b"),
        ],
    )
    source = with_random_weights(made)
    text = to_text_of(source)
    assert "data[:, :, 2:5]" in text
    assert text.count("data[") == 1
    assert_equal(in_pytorch(source, tmp_path))
    assert_equal(in_onnx(source, tmp_path))


def test_the_batch_is_fixed_where_the_net_fixes_it(tmp_path: Path) -> None:
    made = net(
        "fixed",
        [
            input_layer("data", (2, 3, 4)),
            layer("Reshape", "reshape", "data", reshape_param={"shape": {"dim": [2, 12]}}),
            layer("InnerProduct", "fc", "reshape", inner_product_param={"num_output": 3}),
        ],
    )
    source = with_random_weights(made)
    assert not source.batch_is_free
    assert_equal(in_pytorch(source, tmp_path))
    assert_equal(in_onnx(source, tmp_path))


def test_reference_is_torchcaffe_itself() -> None:
    source = with_random_weights(V1)
    (inputs,) = example_batches(source, 2, 1)
    network = Network(source.net, weights=source.weights)
    values = network.run({"data": inputs[source.graph.inputs[0]]})
    np.testing.assert_array_equal(
        reference_values(source, inputs)[source.outputs[0]], values[source.outputs[0]].detach().numpy()
    )
