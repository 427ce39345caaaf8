from __future__ import annotations

from pathlib import Path

import cv2
import lmdb
import numpy as np
import pytest

from prototxt.common.errors import FormatError, NetError
from prototxt.formats.schema import Datum
from prototxt.net.build import layer as make_layer
from tests.torchcaffe.data.read_off import batches
from torchcaffe.data.database import Data


@pytest.fixture
def database(tmp_path) -> Path:
    """Five records: raw, floats, PNG in colour, PNG in grey made colour, raw."""
    pictures = np.random.default_rng(0).integers(0, 256, size=(5, 3, 6, 8), dtype=np.uint8)
    np.save(tmp_path / "pictures.npy", pictures)
    with lmdb.open(str(tmp_path / "lmdb"), map_size=1 << 20) as environment, environment.begin(write=True) as write:
        for index, picture in enumerate(pictures):
            datum = Datum(channels=3, height=6, width=8, label=index)
            if index == 1:
                datum.float_data.extend(picture.ravel().tolist())
            elif index == 2:
                datum.encoded = True
                datum.data = cv2.imencode(".png", picture.transpose(1, 2, 0))[1].tobytes()
            else:
                datum.data = picture.tobytes()
            write.put(f"{index:08d}".encode(), datum.SerializeToString())
    return tmp_path


def data(folder, phase="TEST", transform=None, tops=("data", "label"), **fields) -> Data:
    fields = {"source": str(folder / "lmdb"), "batch_size": 2, "backend": "LMDB", **fields}
    param = make_layer("Data", "data", (), list(tops), data_param=fields, transform_param=transform)
    return Data.from_param(param, (), phase, 0)


def test_records_come_in_the_order_of_keys_over_and_over(database):
    layer = data(database, transform={"mean_value": [10], "scale": 0.5})
    pictures = np.load(database / "pictures.npy").astype(np.float32)
    assert layer.top_shapes == [(2, 3, 6, 8), (2,)]
    for index, (batch, label) in enumerate(batches(layer)):
        places = [(2 * index + i) % 5 for i in range(2)]
        assert label.tolist() == places
        np.testing.assert_array_equal(batch, (pictures[places] - 10) * 0.5)
    assert len(data(database, tops=["data"])()) == 1


def test_force_gray_decodes_encoded_pictures_in_grey(database):
    with pytest.raises(NetError, match=r"key '00000002'.* is of another size"):
        batches(data(database, transform={"force_gray": True}, batch_size=5), 1)


def test_bad_databases(database, tmp_path):
    with pytest.raises(NetError, match=r"lmdb is an LMDB, and Caffe's default is LevelDB; set backend: LMDB"):
        data(database, backend=None)
    with pytest.raises(FormatError, match="cannot be opened as a LevelDB"):
        data(database, backend="LEVELDB")
    with pytest.raises(FormatError, match="cannot be opened as an LMDB"):
        data(database, source=str(tmp_path / "nothing"))
    with lmdb.open(str(tmp_path / "lmdb")) as environment, environment.begin(write=True) as write:
        write.put(b"00000003", Datum(channels=3, height=6, width=8, data=b"short").SerializeToString())
        write.put(b"00000004", b"\xff\xff")
    layer = data(database)
    layer()
    with pytest.raises(FormatError, match="key '00000003': holds 5 numbers for a picture of"):
        layer()
    with pytest.raises(FormatError, match="key '00000004': is not a Datum"):
        layer()
