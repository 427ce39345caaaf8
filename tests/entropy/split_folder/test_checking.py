"""Whether a split net is the plain net cut in pieces."""

import numpy as np
import pytest

from entropy import CheckError, check
from entropy.commands.reporting import describe_checked
from entropy.split_folder import checking
from entropy.split_folder.checking import without_dropout
from prototxt.formats.schema import LayerParameter
from prototxt.formats.text import parse_net, read_net, write_message
from prototxt.formats.weights import read_weights, write_weights


def test_check_passes_in_torchcaffe(written):
    loss, gradients = check(written.folder, use_caffe=False)
    assert loss.engine == "torchcaffe"
    assert loss.difference < 1e-5
    assert loss.plain == pytest.approx(np.log(3), rel=0.1)
    learning = sum(layer.free for layer in written.learning if layer.free)
    assert gradients.filters == learning > gradients.idle
    assert gradients.difference < 1e-5


@pytest.mark.caffe
def test_check_passes_in_real_caffe(written):
    found = check(written.folder)
    assert [(type(each).__name__, each.engine) for each in found] == [
        ("Loss", "torchcaffe"), ("Loss", "caffe"), ("Gradients", "torchcaffe"), ("Gradients", "caffe"),
    ]  # fmt: skip
    assert found[2].idle == found[3].idle
    assert "free filters are the plain net's" in describe_checked(found[3])


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


def edit(folder, names, change):
    """Change nets of a folder: ``change(net, place of the first InnerProduct)``."""
    for name in names:
        net = read_net(folder / name)
        change(net, next(place for place, layer in enumerate(net.layer) if layer.type == "InnerProduct"))
        write_message(folder / name, net)


def reshape_and_flatten(net, place):
    """Put a Reshape and a Flatten before a layer, which change no number."""
    layers = [*net.layer]
    reader = layers[place]
    shaped = LayerParameter(name="shaped", type="Reshape", bottom=reader.bottom, top=["shaped"])
    shaped.reshape_param.shape.dim.extend([0, 2, -1])
    flat = LayerParameter(name="flat", type="Flatten", bottom=["shaped"], top=["flat"])
    reader.bottom[:] = ["flat"]
    del net.layer[:]
    net.layer.extend([*layers[:place], shaped, flat, *layers[place:]])


def cut(net, place):
    """Hand no gradient down from a layer."""
    net.layer[place].propagate_down[:] = [False]


BOTH = ("net_split.prototxt", "net_plain.prototxt")


def test_a_flatten_behind_a_reshape_is_refused(folder):
    edit(folder, BOTH, reshape_and_flatten)
    with pytest.raises(CheckError, match=r"net_split.prototxt: layer 'flat' reads 'shaped', .*BVLC/caffe #6769"):
        check(folder, use_caffe=False)


@pytest.mark.caffe
def test_gradients_that_real_caffe_loses_are_found_in_it_too(folder, monkeypatch):
    """What the linter knows by rule: the losses are equal in all nets and engines, and Caffe trains nothing below."""
    edit(folder, BOTH, reshape_and_flatten)
    monkeypatch.setattr(checking, "refuse_cut_gradients", lambda net, path: None)
    with pytest.raises(
        CheckError, match=r"real Caffe gets no gradient for filter \d of blob 0 of layer 'conv1.*', and torchcaffe does"
    ):
        check(folder)


def test_a_gradient_that_is_cut_off_in_one_net_is_refused(folder):
    edit(folder, BOTH[:1], cut)
    with pytest.raises(CheckError, match=r"split.caffemodel: no gradient reaches layer 'branch/conv2.*'"):
        check(folder, use_caffe=False)


def test_a_gradient_that_is_cut_off_in_both_nets_is_refused(folder):
    edit(folder, BOTH, cut)
    with pytest.raises(
        CheckError, match=r"plain.caffemodel: no gradient reaches layer 'branch/conv2', so that its free filters"
    ):
        check(folder, use_caffe=False)
