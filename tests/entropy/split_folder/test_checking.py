"""Whether a split net is the plain net cut in pieces."""

import numpy as np
import pytest

from entropy import CheckError, check
from entropy.split_folder.checking import without_dropout
from prototxt.formats.text import parse_net, read_net, write_message
from prototxt.formats.weights import read_weights, write_weights


def test_check_passes_in_torchcaffe(written):
    (loss,) = check(written.folder, use_caffe=False)
    assert loss.engine == "torchcaffe"
    assert loss.difference < 1e-5
    assert loss.plain == pytest.approx(np.log(3), rel=0.1)


@pytest.mark.caffe
def test_check_passes_in_real_caffe(written):
    assert [loss.engine for loss in check(written.folder)] == ["torchcaffe", "caffe"]


def test_unsplit_weights_fail_the_check(written, small):
    for weights in (small.weights, written.folder / "plain.caffemodel"):
        with pytest.raises(
            CheckError, match=r"holds no weights for layer 'conv1__g0_lr0' \(it is an unsplit caffemodel"
        ):
            check(written.folder, weights, use_caffe=False)


def test_other_weights_fail_the_check(folder):
    net = read_net(folder / "net_split.prototxt")
    for layer, message in (
        ("fc3", "layer 'fc3', put together, are not those"),
        ("conv1__g1_lr1", "layer 'conv1', put"),
    ):
        weights = read_weights(folder / "split.caffemodel")
        weights[layer][0][0, 0] += 1
        write_weights(folder / "other.caffemodel", net, weights)
        with pytest.raises(CheckError, match=message):
            check(folder, folder / "other.caffemodel", use_caffe=False)


def test_a_net_in_the_wrong_order_fails_the_check(folder):
    net = read_net(folder / "net_split.prototxt")
    concat = next(layer for layer in net.layer if layer.type == "Concat" and layer.name == "conv1")
    concat.bottom[:] = list(reversed(concat.bottom))
    write_message(folder / "net_split.prototxt", net)
    with pytest.raises(CheckError, match="torchcaffe: the split net's loss is"):
        check(folder, use_caffe=False)


def test_without_dropout_rewires_what_read_it():
    net = parse_net("""
      layer { name: "d" type: "Dropout" bottom: "a" top: "b" }
      layer { name: "e" type: "Dropout" bottom: "b" top: "b" }
      layer { name: "r" type: "ReLU" bottom: "b" top: "b" }
      layer { name: "o" type: "Power" bottom: "b" top: "c" }
    """)
    assert [(layer.name, *layer.bottom, *layer.top) for layer in without_dropout(net).layer] == [
        ("r", "a", "a"),
        ("o", "a", "c"),
    ]
