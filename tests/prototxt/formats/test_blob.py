import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from prototxt.common.errors import FormatError
from prototxt.formats import wire
from prototxt.formats.blob import blob_at, read_blob, to_array, to_proto, write_blob
from prototxt.formats.schema import BlobProto

FLOATS = arrays(np.float32, array_shapes(min_dims=0, max_dims=6, max_side=4), elements=st.floats(width=32))


@given(FLOATS)
def test_round_trip_is_bit_by_bit(array):
    proto = to_proto(array)
    assert proto == BlobProto(data=array.ravel().tolist(), shape={"dim": array.shape}) or np.isnan(array).any()
    data = memoryview(proto.SerializeToString())
    for back in (to_array(proto), blob_at(data, 0, len(data))):
        assert back.shape == array.shape
        assert back.dtype == np.float32
        assert back.tobytes() == array.tobytes()


@pytest.mark.parametrize(
    "blob",
    [
        BlobProto(num=1, channels=1, height=2, width=3, data=range(6)),
        BlobProto(num=1, channels=1, height=2, width=3, double_data=range(6)),
        BlobProto(num=1, channels=1, height=2, width=3, data=[7] * 6, double_data=range(6)),
        BlobProto(num=1, channels=1, height=2, width=3, shape={"dim": [6]}, data=range(6), diff=[9] * 6),
    ],
)
def test_legacy_axes_doubles_and_gradients(blob):
    data = memoryview(blob.SerializeToString())
    for array in (to_array(blob), blob_at(data, 0, len(data))):
        np.testing.assert_array_equal(array, np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3))


def test_data_in_several_pieces_packed_and_not():
    one = wire.tag(5, wire.I32)
    values = np.arange(6, dtype="<f4")
    data = (
        wire.delimited(5, values[:2].tobytes())
        + wire.delimited(7, wire.delimited(1, b"\6"))
        + one + values[2].tobytes() + one + values[3].tobytes()
        + wire.delimited(5, values[4:].tobytes())
    )  # fmt: skip
    assert BlobProto.FromString(data).data == values.tolist()
    np.testing.assert_array_equal(blob_at(memoryview(data), 0, len(data)), values)


@pytest.mark.parametrize("axes", [{"shape": {"dim": [2, 2]}}, {"num": 1, "channels": 2}, {"shape": {"dim": [-1]}}, {}])
def test_shape_that_asks_for_other_numbers(axes):
    with pytest.raises(FormatError, match="holds 5 numbers"):
        to_array(BlobProto(data=range(5), **axes))


def test_mean_pictures_have_legacy_axes(tmp_path):
    mean = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    write_blob(tmp_path / "mean.binaryproto", mean)
    blob = BlobProto.FromString((tmp_path / "mean.binaryproto").read_bytes())
    assert (blob.num, blob.channels, blob.height, blob.width, blob.HasField("shape")) == (1, 2, 3, 4, False)
    np.testing.assert_array_equal(read_blob(tmp_path / "mean.binaryproto"), mean[None])
    write_blob(tmp_path / "other.binaryproto", mean[0])
    np.testing.assert_array_equal(read_blob(tmp_path / "other.binaryproto"), mean[0])


def test_files_that_are_no_blob(tmp_path):
    path = tmp_path / "mean.binaryproto"
    write_blob(path, np.zeros((3, 4, 4)))
    whole = path.read_bytes()
    for data, sentence in [
        (whole[:-3], "is truncated or no .binaryproto"),
        (b"", "is empty"),
        (b"layer { name: 'x' }", "is text"),
    ]:
        path.write_bytes(data)
        with pytest.raises(FormatError, match=sentence):
            read_blob(path)
    with pytest.raises(FormatError, match="no such file"):
        read_blob(tmp_path / "gone")


@pytest.mark.data
def test_mean_of_cifar10(data_folder):
    mean = read_blob(data_folder / "models/cifar10_quick/mean.binaryproto")
    assert mean.shape == (1, 3, 32, 32)
    assert 100 < mean.mean() < 140
