"""The window's passes in real Caffe against those in torchcaffe, and a worker that dies, hangs or is not there."""

import os
import signal
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

from deepvis.compute.facts import Facts
from deepvis.controllers.panes.unit_images import make_unit_images
from deepvis.controllers.sources import Sources
from deepvis.engines.choices import choices, engine_of, make_engine, with_engine
from deepvis.engines.engine import Engine, Frame
from deepvis.engines.pycaffe_engine import PycaffeEngine
from deepvis.engines.pycaffe_net import apart
from deepvis.errors import ModelError
from deepvis.model.model import Model, open_model
from deepvis.scan.reader import Scan
from deepvis.scan.run import scan
from deepvis.session.session import Session
from deepvis.settings.settings import BUNDLED_MODEL, Settings
from deepvis.state.options import Origin
from deepvis.state.resolve import resolve
from deepvis.state.viewer import ViewerModel
from prototxt.common.progress import with_bar
from prototxt.formats.text import parse_net
from prototxt.net.graph import NetGraph, Value
from prototxt.net.shapes import infer_shapes
from prototxt.pixels.preprocess import Preprocessing

MODES = ("gradient", "deconv", "guided")
TOLERANCE = 1e-4

# A ReLU in place and one that is not, on either side of branches; layers that share memory, that have two tops, that
# are read by many, and one without a gradient.
MANY_LAYERS = """
name: "many"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 10 dim: 3 dim: 12 dim: 14 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 6 kernel_size: 3 } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "relu1" relu_param { negative_slope: 0.1 } }
layer { name: "norm1" type: "LRN" bottom: "relu1" top: "norm1" }
layer { name: "slice" type: "Slice" bottom: "norm1" top: "left" top: "right" slice_param { slice_point: 2 } }
layer { name: "conv2" type: "Convolution" bottom: "right" top: "conv2"
  convolution_param { num_output: 5 kernel_size: 3 pad: 1 } }
layer { name: "bn2" type: "BatchNorm" bottom: "conv2" top: "conv2" }
layer { name: "scale2" type: "Scale" bottom: "conv2" top: "conv2" scale_param { bias_term: true } }
layer { name: "relu2" type: "ReLU" bottom: "conv2" top: "conv2" }
layer { name: "drop2" type: "Dropout" bottom: "conv2" top: "conv2" }
layer { name: "join" type: "Concat" bottom: "left" bottom: "conv2" bottom: "right" top: "join" }
layer { name: "pool" type: "Pooling" bottom: "join" top: "pool" pooling_param { pool: MAX kernel_size: 3 stride: 2 } }
layer { name: "flat" type: "Flatten" bottom: "pool" top: "flat" }
layer { name: "fc" type: "InnerProduct" bottom: "flat" top: "fc" inner_product_param { num_output: 7 } }
layer { name: "relu_fc" type: "ReLU" bottom: "fc" top: "fc" }
layer { name: "gate" type: "Sigmoid" bottom: "fc" top: "gate" }
layer { name: "sum" type: "Eltwise" bottom: "fc" bottom: "gate" top: "sum" eltwise_param { coeff: 2 coeff: -1 } }
layer { name: "relu_sum" type: "ReLU" bottom: "sum" top: "sum" }
layer { name: "out" type: "InnerProduct" bottom: "sum" top: "out" inner_product_param { num_output: 4 } }
layer { name: "best" type: "ArgMax" bottom: "out" top: "best" }
layer { name: "prob" type: "Softmax" bottom: "out" top: "prob" }
"""


def random_model(text, preprocessing):
    net, random = parse_net(text, "many.prototxt"), np.random.default_rng(3)
    weights = {
        layer: [random.normal(scale=np.prod(shape[1:]) ** -0.5, size=shape).astype(np.float32) for shape in shapes]
        for layer, shapes in infer_shapes(net).params.items()
        if shapes
    }
    for name in weights:
        if name.startswith("bn"):
            weights[name][1] = np.abs(weights[name][1]) + 0.5
            weights[name][2] = np.ones(1, np.float32)
    return Model("many", Path("many.prototxt"), net, weights, preprocessing)


@pytest.fixture
def many():
    return random_model(
        MANY_LAYERS, Preprocessing("BGR", crop=(12, 14), mean=(120.0, 110.0, 100.0), std=(50.0, 60.0, 70.0))
    )


@pytest.fixture
def caffe():
    """Engines in real Caffe; their processes end with the test."""
    made = []

    def make(model, **options):
        made.append(PycaffeEngine(model, **options))
        return made[-1]

    yield make
    for engine in made:
        engine.close()
        assert engine.network.pid is None


@pytest.fixture
def frame():
    return noise(0)


def noise(seed):
    return Frame("x", np.random.default_rng(seed).integers(0, 256, (300, 330, 3), dtype=np.uint8))


def assert_close(found, expected):
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= TOLERANCE * max(np.abs(expected).max(), 1e-12)


def assert_same_passes(model, engine, frame, layers=None, modes=MODES):
    """Every value, and from the strongest unit of every layer every gradient."""
    ours = Engine(model)
    expected, found = ours.forward(frame), engine.forward(frame)
    assert set(found.maps) == set(expected.maps)
    for value in expected.maps:
        assert_close(found.maps[value], expected.maps[value])
    said = 0
    for layer in ours.net.layers if layers is None else map(ours.net.layer, layers):
        if layer.type == "Input":
            continue
        unit = int(expected.maps[layer.value].reshape(layer.units, -1).max(1).argmax())
        for mode in modes:
            origin = Origin(layer=layer.name, unit=unit)
            wanted = ours.backward(expected, origin, mode, list(expected.maps))
            back = engine.backward(found, origin, mode, list(found.maps))
            assert_close(back.gradient, wanted.gradient)
            for value in wanted.maps:
                assert_close(back.maps[value], wanted.maps[value])
            said += bool(wanted.gradient.any())
    assert said > len(modes)


def test_nothing_is_in_place_in_the_net_that_caffe_gets(many):
    net, names = apart(many.graph, {"data": (1, 3, 12, 14)})
    graph = NetGraph(net)
    assert not any(node.in_place for node in graph.layers)
    assert [names[Value("conv2", version)] for version in range(5)] == [
        "conv2", "conv2@1", "conv2@2", "conv2@3", "conv2@4"
    ]  # fmt: skip
    assert len(set(names.values())) == len(names) == len(graph.values)
    assert net.force_backward
    assert infer_shapes(net).values[Value("out")] == (1, 4)
    assert {v.blob: s[1:] for v, s in infer_shapes(net).values.items()} == {
        names[value]: shape[1:] for value, shape in many.shapes.values.items()
    }


def test_blobs_that_are_called_like_values_are_not_mixed_up():
    text = """layer { name: "a" type: "Input" top: "a" input_param { shape { dim: 1 dim: 2 } } }
    layer { name: "r" type: "ReLU" bottom: "a" top: "a" }
    layer { name: "b" type: "ReLU" bottom: "a" top: "a@1" }"""
    net, names = apart(NetGraph(parse_net(text)), {"a": (1, 2)})
    assert names == {Value("a"): "a", Value("a", 1): "a@1@", Value("a@1"): "a@1"}
    assert [list(layer.bottom) for layer in net.layer] == [[], ["a"], ["a@1@"]]


@pytest.mark.caffe
def test_every_layer_and_mode(many, caffe, frame):
    assert_same_passes(many, caffe(many), frame)


@pytest.mark.caffe
@pytest.mark.parametrize("order", ["BGR", "GRAY"])
def test_branches_and_ties(make_model, make_pictures, caffe, order):
    model = make_model(order)
    assert_same_passes(model, caffe(model), Frame("0.png", make_pictures(1).read(0)))


@pytest.mark.caffe
@pytest.mark.parametrize("layers", [("conv1", "pool2", "conv5"), ("fc6", "prob")])
def test_the_bundled_model(caffe, frame, layers):
    model = open_model(BUNDLED_MODEL)
    assert_same_passes(model, caffe(model), frame, layers)


def decided_alike(model, engine, frame):
    """Whether no maximum of a pooling window and no sign before a ReLU is a matter of rounding on a picture."""
    blob = model.to_blob(frame.pixels)[None]
    both = [each.run(blob, model.graph.values) for each in (Engine(model), engine)]
    for node in model.graph.layers:
        ours, theirs = (values[node.bottoms[0]] if node.bottoms else torch.zeros(1) for values in both)
        if node.type == "ReLU" and ((ours > 0) != (theirs > 0)).any():
            return False
        param = node.layer.pooling_param
        if node.type == "Pooling" and param.pool == param.MAX:
            pool = torch.nn.MaxPool2d(param.kernel_size, param.stride, ceil_mode=True, return_indices=True)
            (found, here), (_, there) = pool(ours), pool(theirs)
            if ((here != there) & (found > 0)).any():
                return False
    return True


@pytest.mark.caffe
@pytest.mark.data
def test_squeezenet(caffe, data_folder):
    model = open_model(data_folder / "models/squeezenet_v1.1/deploy.prototxt")
    engine = caffe(model)
    frame = next(frame for frame in map(noise, range(20)) if decided_alike(model, engine, frame))
    assert_same_passes(model, engine, frame, ("conv1", "fire3/concat", "fire9/expand3x3", "prob"))


@pytest.mark.caffe
def test_nothing_of_an_earlier_pass_is_left(many, caffe, frame):
    engine, other = caffe(many), Frame("y", 255 - frame.pixels)
    first = engine.forward(frame)
    expected = engine.backward(first, Origin(layer="conv2", unit=1), "deconv", [Value("conv1")])
    engine.backward(engine.forward(other), Origin(layer="out", unit=0), "gradient", [])
    again = engine.backward(first, Origin(layer="conv2", unit=1), "deconv", [Value("conv1")])
    np.testing.assert_array_equal(again.gradient, expected.gradient)
    np.testing.assert_array_equal(again.maps[Value("conv1")], expected.maps[Value("conv1")])


@pytest.mark.caffe
def test_pictures_of_a_unit(make_model, make_pictures, caffe, tmp_path):
    model = make_model()
    with_bar(scan(model, make_pictures(12), tmp_path / "scan.h5", device="cpu", workers=0), quiet=True)
    facts = Facts(Scan(tmp_path / "scan.h5"), model)
    blocks = []
    for engine in (Engine(model), caffe(model)):
        state = resolve(ViewerModel(layer="branch/left", unit=1, back_mode="guided"), engine.net)
        blocks.append(list(make_unit_images(state, Sources(Session(engine, facts=facts))))[-1].blocks)
    facts.close()
    assert [len(block.pictures) for block in blocks[1]] == [9, 9]
    for ours, theirs in zip(*blocks, strict=True):
        np.testing.assert_array_equal(ours.pictures, theirs.pictures)


@pytest.mark.caffe
def test_a_dead_worker_is_started_again_and_told_once(many, caffe, frame):
    engine = caffe(many)
    before = engine.forward(frame)
    assert engine.title == "real Caffe 1.0.0"
    assert engine.notice() == ""
    dead = engine.network.pid
    os.kill(dead, signal.SIGKILL)
    back = engine.backward(before, Origin(layer="conv2", unit=1), "guided", [])
    assert back.gradient.any()
    assert engine.network.pid not in (dead, None)
    assert (
        engine.notice() == "The worker process of real Caffe had died (it was ended by SIGKILL) and was started again"
    )
    assert engine.notice() == ""
    after = engine.forward(frame)
    for value in before.maps:
        np.testing.assert_array_equal(after.maps[value], before.maps[value])


@pytest.mark.caffe
def test_a_worker_that_hangs_is_ended_and_the_next_request_starts_another(many, caffe, frame):
    engine = caffe(many, patience=20)
    engine.forward(frame)
    engine.network.patience = 0.5
    os.kill(hung := engine.network.pid, signal.SIGSTOP)
    with pytest.raises(ModelError, match=r"did not answer within 0\.5 s and was ended; the next request starts it"):
        engine.forward(Frame("y", 255 - frame.pixels))
    with pytest.raises(ProcessLookupError):
        os.kill(hung, 0)
    engine.network.patience = 20
    assert engine.forward(frame).maps
    assert engine.network.pid != hung


@pytest.mark.caffe
def test_another_preprocessing_runs_on_the_same_process(many, caffe, frame):
    engine = caffe(many)
    engine.start()
    changed = Preprocessing("RGB", crop=(12, 14), mean=(90.0, 90.0, 90.0), std=(40.0, 40.0, 40.0))
    other, wanted = engine.with_preprocessing(changed), Engine(many).with_preprocessing(changed)
    assert other.network is engine.network
    found, expected = other.forward(frame), wanted.forward(frame)
    for value in expected.maps:
        assert_close(found.maps[value], expected.maps[value])


@pytest.mark.caffe
def test_a_closed_engine_has_no_process_and_no_files(many, caffe, frame, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    engine = caffe(many)
    engine.forward(frame)
    assert list(tmp_path.iterdir()) == []
    process = engine.network.pid
    engine.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    with pytest.raises(ModelError, match="closed"):
        engine.forward(frame)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.caffe
def test_a_net_that_caffe_does_not_take_is_a_sentence(many, caffe, frame):
    engine = caffe(many)
    engine.network._net.layer[5].type = "Wish"
    with pytest.raises(ModelError, match=r"does not run the net 'many': .*Unknown layer type: Wish"):
        engine.start()
    engine.network._net.layer[5].type = "Convolution"
    engine.model.weights["conv2"][0] = np.zeros((1, 1), np.float32)
    with pytest.raises(ModelError, match="does not run the net 'many': ValueError: cannot reshape"):
        engine.forward(frame)


def test_without_caffe_the_engine_says_what_to_do(many, frame, tmp_path, monkeypatch):
    monkeypatch.setenv("CAFFE_ROOT", str(tmp_path))
    with pytest.raises(ModelError, match=r"real Caffe is not there: .*run make caffe, or set caffe_python"):
        PycaffeEngine(many).forward(frame)
    by_name = {choice.name: choice for choice in choices()}
    assert "make caffe" in by_name["caffe"].missing
    assert by_name["cpu"].missing == ""


def test_settings_name_the_engine(many):
    assert engine_of(Settings(device="cpu"), many).name == "cpu"
    engine = engine_of(Settings(engine="caffe"), many)
    assert (engine.name, engine.title, engine.network.pid) == ("caffe", "real Caffe", None)
    changed = with_engine(Settings(device="cuda:1"), "caffe")
    assert (changed.engine, changed.device) == ("caffe", "cuda:1")
    changed = with_engine(changed, "cpu")
    assert (changed.engine, changed.device) == ("torchcaffe", "cpu")
    with pytest.raises(ModelError, match="device 'cuda:77' is not there"):
        make_engine("cuda:77", many)


def test_engines_of_a_machine_with_gpus(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert [(choice.name, choice.missing) for choice in choices()][:3] == [("cpu", ""), ("cuda:0", ""), ("cuda:1", "")]
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    assert [(choice.name, choice.missing) for choice in choices()][1] == ("cuda", "PyTorch finds no CUDA device here")
