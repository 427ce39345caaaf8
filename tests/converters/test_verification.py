"""The verification itself: it must find what is wrong, and say where."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from converters import ConversionError, ParityError, check, convert, verify
from converters.example_inputs import example_inputs
from converters.verdict import Difference, LayerCheck, difference
from converters.verification import verifying, write_diverging
from prototxt.formats.text import read_net
from prototxt.formats.weights import read_weights
from torchcaffe.network import Network

SHAPE = (1, 3, 12, 12)


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(), nn.Linear(64, 8), nn.Linear(8, 3)
    )


def test_every_layer_is_compared_with_all_inputs(model: nn.Module) -> None:
    conversion = convert(model, SHAPE)
    (verification,) = verify(conversion, model, ["torchcaffe"])
    assert [found.layer for found in verification.layers] == ["0", "1", "2", "4", "5"]
    assert verification.inputs == 4
    assert verification.diverging is None
    check([verification])


@pytest.mark.caffe
@pytest.mark.opencv4
def test_a_wrong_weight_is_found_at_its_layer_in_every_engine(model: nn.Module) -> None:
    conversion = convert(model, SHAPE)
    conversion.weights["4"][0][3, 5] += 0.01
    for engine in ("torchcaffe", "caffe", "opencv"):
        (verification,) = verify(conversion, model, [engine])
        assert verification.diverging.layer == "4"
        with pytest.raises(ParityError, match=rf"{engine} diverges from PyTorch, first at layer '4': relative"):
            check([verification])


def test_a_wrong_setting_is_found(model: nn.Module) -> None:
    conversion = convert(model, SHAPE)
    (pool,) = (layer for layer in conversion.net.layer if layer.type == "Pooling")
    pool.pooling_param.pool = 1
    (verification,) = verify(conversion, model)
    assert verification.diverging.layer == "2"


def test_a_blob_of_the_wrong_size_is_found(model: nn.Module) -> None:
    conversion = convert(model, SHAPE)
    wrong = tuple(replace(each, node="conv2d") if each.layer == "4" else each for each in conversion.references)
    with pytest.raises(ParityError, match=r"layer '4' has shape \(2, 8\) where PyTorch has \(2, 4, 10, 10\)"):
        verify(replace(conversion, references=wrong), model)


def test_another_model_is_found(model: nn.Module) -> None:
    conversion = convert(model, SHAPE)
    other = nn.Sequential(*[*model[:-1], nn.Linear(8, 3)])
    with pytest.raises(ParityError, match="captured another computation than Sequential does"):
        verify(conversion, other)


def test_unknown_engine_and_no_graph(model: nn.Module) -> None:
    conversion = convert(model, SHAPE)
    expected = r"unknown engine 'caffe2' \(did you mean 'caffe'\?\); use one of caffe, opencv, rknn, torchcaffe"
    with pytest.raises(ConversionError, match=expected):
        verify(conversion, model, ["caffe2"])
    with pytest.raises(ConversionError, match="has no PyTorch graph"):
        verify(replace(conversion, captured=None), model)


def test_absent_caffe_says_how_to_get_it(model: nn.Module, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("CAFFE_ROOT", str(tmp_path))
    with pytest.raises(ConversionError, match=f"is not there: no {re.escape(str(tmp_path))}.*make caffe.*CAFFE_ROOT"):
        verify(convert(model, SHAPE), model, ["caffe"])


@pytest.mark.parametrize("layer", ["1", "4"])
def test_the_smallest_failing_part_runs_by_itself(layer: str, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(400, 3)).eval()
    conversion = convert(model, SHAPE)
    conversion.weights[layer][0][-1] += 5
    (verification,) = verify(conversion, model)
    assert write_diverging(conversion, verification, tmp_path)
    net = read_net(tmp_path / "net.prototxt")
    assert len(net.layer) == {"1": 3, "4": 2}[layer]
    inputs, expected = np.load(tmp_path / "inputs.npz"), np.load(tmp_path / "expected.npz")
    network = Network(net, weights=read_weights(tmp_path / "net.caffemodel"), seed=0)
    (result,) = network.run(dict(inputs)).values()
    (wanted,) = expected.values()
    assert np.abs(result.detach().numpy() - wanted).max() > 0.1


@pytest.mark.caffe
def test_what_real_caffe_refuses_is_one_sentence(model: nn.Module) -> None:
    conversion = convert(model, SHAPE)
    conversion.weights["4"][0] = conversion.weights["4"][0][:, :60]
    with pytest.raises(ConversionError, match=r"real Caffe does not run the net: .*[Cc]annot copy param"):
        verify(conversion, model, ["caffe"])


@pytest.mark.opencv4
def test_opencv_s_gaps_are_told_not_failed() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.LocalResponseNorm(3, k=2.0))
    (verification,) = verify(convert(model, SHAPE), model, ["opencv"])
    assert verification.note.startswith("not supported by this engine: OpenCV lacks, or computes otherwise: 1 (LRN)")
    assert verification.layers == ()
    check([verification])


def test_an_opencv_without_a_reader_says_so(model: nn.Module, monkeypatch) -> None:
    monkeypatch.delattr(cv2.dnn, "readNetFromCaffe", raising=False)  # as OpenCV 5
    (verification,) = verify(convert(model, SHAPE), model, ["opencv"])
    assert verification.layers == ()
    assert re.fullmatch(
        r"not supported by this engine: OpenCV [\d.]+ has no reader for Caffe nets; 4\.10 to 4\.14 have",
        verification.note,
    )


def test_progress_counts_up_to_the_end(model: nn.Module) -> None:
    steps = list(verifying(convert(model, SHAPE), model, ["torchcaffe", "opencv"]))
    assert [step.done for step in steps] == list(range(5))
    assert {step.total for step in steps} == {4}


def test_differences() -> None:
    a = np.array([1.0, -4.0, np.inf], np.float32)
    assert difference(a, a) == Difference(0.0, 0.0)
    assert difference(a, np.array([1.0, -2.0, np.inf])) == Difference(2.0, 1.0)
    assert difference(np.array([np.nan]), np.array([1.0])).absolute == np.inf
    assert difference(np.array([np.nan]), np.array([np.nan])).absolute == 0
    assert difference(np.array([1e-9]), np.array([0.0])).relative == np.inf
    assert difference(np.zeros(0), np.zeros(0)) == Difference(0.0, 0.0)


def test_a_layer_as_near_to_the_truth_as_pytorch_passes() -> None:
    far, near, nothing = Difference(1.0, 1e-3), Difference(0.6, 6e-4), Difference(0.0, 0.0)
    assert not LayerCheck("a", far, far, nothing).passes(1e-5)
    assert LayerCheck("a", far, far, near).passes(1e-5)
    assert LayerCheck("a", near, far, nothing).passes(1e-3)


def test_example_inputs_never_change() -> None:
    inputs = example_inputs((1, 3, 8, 8))
    assert [array.dtype for array in inputs] == [np.float32] * 4
    noise = example_inputs((1, 3, 64, 64))[1]
    assert abs(noise.mean()) < 0.02
    assert abs(noise.std() - 3**-0.5) < 0.02
    assert np.unique(noise).size > 0.99 * noise.size
