import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prototxt.formats import wire
from prototxt.formats.schema import BlobProto, LayerParameter

FLOAT = np.dtype("<f4")


@given(st.integers(0, 2**64 - 1))
def test_varint_round_trip(value):
    data = memoryview(wire.varint(value) + b"rest")
    assert wire.read_varint(data, 0, len(data)) == (value, len(data) - 4)


@given(st.binary(max_size=40))
def test_any_bytes_are_fields_that_fill_them_or_an_error(data):
    try:
        found = list(wire.fields(memoryview(data), 0, len(data)))
    except wire.WireError:
        return
    assert [field.tag for field in found] == [0, *(field.stop for field in found)][: len(found)]
    assert not found or found[-1].stop == len(data)


def test_fields_of_a_message():
    layer = LayerParameter(name="conv1", phase=1, loss_weight=[2.0])
    data = memoryview(layer.SerializeToString())
    found = [(field.number, bytes(data[field.start : field.stop])) for field in wire.fields(data, 0, len(data))]
    assert found == [(1, b"conv1"), (5, b"\0\0\0\x40"), (10, b"\1")]


@pytest.mark.parametrize("data", [b"\x0b", b"\x0c", b"\x0a\x05ab", b"\x80", b"\x0d\0\0", b"\x02\0", b"\xff" * 11])
def test_no_message(data):
    with pytest.raises(wire.WireError):
        list(wire.fields(memoryview(data), 0, len(data)))


@given(st.lists(st.floats(width=32), max_size=9), st.booleans())
def test_numbers_packed_and_unpacked(values, packed):
    array = np.array(values, FLOAT)
    tag = wire.tag(5, wire.I32)
    data = wire.delimited(5, array.tobytes()) if packed else b"".join(tag + v.tobytes() for v in array)
    data += wire.delimited(7, b"")
    if values or packed:
        first = wire.field_at(memoryview(data), 0, len(data))
        found, stop = wire.numbers(memoryview(data), first, FLOAT, len(data))
        assert found.tobytes() == array.tobytes()
        assert data[stop:] == wire.delimited(7, b"")


def test_numbers_of_a_wrong_kind():
    data = memoryview(BlobProto(num=3).SerializeToString())
    with pytest.raises(wire.WireError, match="should hold float32"):
        wire.numbers(data, wire.field_at(data, 0, len(data)), FLOAT, len(data))
    data = memoryview(wire.delimited(5, b"abc"))
    with pytest.raises(wire.WireError, match="end inside a number"):
        wire.numbers(data, wire.field_at(data, 0, len(data)), FLOAT, len(data))
