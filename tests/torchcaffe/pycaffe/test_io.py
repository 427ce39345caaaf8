"""Messages and pictures of ``caffe.io``: BVLC's test_io.py, said anew, and what is wrong with a user's input."""

from __future__ import annotations

import numpy as np
import pytest

import torchcaffe as caffe
from prototxt.common.errors import InputError
from prototxt.formats.schema import BlobProto
from torchcaffe.pycaffe import io


def test_blobs_of_old_and_of_new_form():
    values = np.arange(6.0)
    old = BlobProto(data=values, num=1, channels=1, height=2, width=3)
    new = io.array_to_blobproto(values.reshape(2, 3))
    assert io.blobproto_to_array(old).shape == (1, 1, 2, 3)
    assert io.blobproto_to_array(new).tolist() == values.reshape(2, 3).tolist()
    assert io.blobproto_to_array(BlobProto(data=[123])) == 123
    assert io.blobproto_to_array(BlobProto(double_data=[1, 2], shape={"dim": [2]})).tolist() == [1, 2]
    with pytest.raises(ValueError, match="reshape"):
        io.blobproto_to_array(BlobProto(data=values))


def test_a_label_that_is_not_given_is_not_stored():
    picture = np.ones((10, 10, 3))
    with_label, without = io.array_to_datum(picture, label=1), io.array_to_datum(picture)
    assert with_label.ByteSize() > without.ByteSize()
    assert not without.HasField("label")
    with pytest.raises(ValueError, match=r"3 axes.*\(2, 2\)"):
        io.array_to_datum(np.ones((2, 2)))


def test_pictures(picture):
    image = io.load_image(picture)
    assert (image.shape, image.dtype) == ((60, 48, 3), np.float32)
    grey = io.load_image(str(picture), color=False)
    assert grey.shape == (60, 48, 1)
    np.testing.assert_array_equal(io.load_image(picture, as_grey=True), grey)
    with pytest.raises(OSError, match="gone"):
        io.load_image("gone.png")


def test_ten_crops_in_pycaffes_order():
    image = np.arange(5 * 7, dtype=np.float32).reshape(5, 7, 1)
    crops = io.oversample([image], (3, 3))
    firsts = [0, 4, 14, 18, 9]
    assert crops[:5, 0, 0, 0].tolist() == firsts
    assert crops[5:, 0, 0, 0].tolist() == [first + 2 for first in firsts]


def test_what_is_wrong_is_told():
    transformer = io.Transformer({"data": (1, 3, 5, 5)})
    for call, error, sentence in (
        (lambda: transformer.set_raw_scale("dat", 1), InputError, "dat is not one of the net inputs: data"),
        (lambda: transformer.set_transpose("data", (1, 0)), InputError, r"dimensions as the input: 3; got \(1, 0\)"),
        (lambda: transformer.set_channel_swap("data", (1, 0)), InputError, r"channels: 3; got \(1, 0\)"),
        (lambda: transformer.set_mean("data", np.ones(4)), ValueError, "channels incompatible with input: 4 for 3"),
        (lambda: transformer.set_mean("data", np.ones((1, 2, 3, 4))), ValueError, "Mean shape invalid"),
    ):
        with pytest.raises(error, match=sentence):
            call()
    assert issubclass(InputError, RuntimeError)


def test_names_of_python_2(tmp_path):
    text = 'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 } } } '
    text += 'layer { name: "y" type: "ReLU" bottom: "x" top: "y" }'
    (tmp_path / "net.prototxt").write_text(text)
    net = caffe.Net(tmp_path / "net.prototxt", caffe.TEST)
    assert [name for name, _ in net.blobs.iteritems()] == ["x", "y"] == list(net.blobs.iterkeys())
    assert net.blobs.keys()[-1] == "y"
    assert net.blobs.values()[0] is net.blobs["x"] is next(net.blobs.itervalues())
    assert net.blobs.items()[1:] == [("y", net.blobs["y"])]
    assert net.blobs.has_key("y")
    assert next(net.forward().iteritems())[0] == "y"
    assert dict(net.blobs) == net.blobs
    assert repr(net.forward()) == "{'y': array([0., 0.], dtype=float32)}"
    assert repr(net.top_names) == "OrderedDict([('in', ['x']), ('y', ['y'])])"
    with pytest.raises(IndexError, match="there are 2 of them; got 2"):
        net.blobs.keys()[2]
