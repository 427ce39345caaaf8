"""Records of an LMDB."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import lmdb
import numpy as np
import pytest

from deepvis.errors import ImageError
from deepvis.sources import open_images
from prototxt.formats.schema import Datum
from prototxt.pixels.samples import Planes

RANDOM = np.random.default_rng(3)
PLANES = {channels: RANDOM.integers(0, 256, (channels, 5, 4), dtype=np.uint8) for channels in (1, 2, 3, 6)}


def write(folder: Path, records: dict[bytes, bytes]) -> Path:
    with lmdb.open(str(folder), map_size=1 << 20) as environment, environment.begin(write=True) as transaction:
        for key, value in records.items():
            transaction.put(key, value)
    return folder


def raw(planes: np.ndarray, **fields: int) -> bytes:
    channels, height, width = planes.shape
    return Datum(channels=channels, height=height, width=width, data=planes.tobytes(), **fields).SerializeToString()


def test_records_in_the_order_of_their_keys(tmp_path: Path) -> None:
    floats = RANDOM.normal(size=(3, 2, 2)).astype(np.float32)
    bgr = PLANES[3].transpose(1, 2, 0)
    database = write(
        tmp_path / "train_lmdb",
        {
            b"00000002_x/b.jpg": raw(PLANES[3], label=2),
            b"00000001": raw(PLANES[1], label=7),
            b"00000003": Datum(data=cv2.imencode(".png", bgr)[1].tobytes(), encoded=True).SerializeToString(),
            b"00000004": raw(PLANES[6], label=-1),
            b"00000005": Datum(channels=3, height=2, width=2, float_data=floats.ravel(), label=1).SerializeToString(),
            b"00000006": raw(PLANES[2], label=(1 << 31) - 1),
            b"\xff\x00": b"no datum",
        },
    )
    found = open_images(database)
    assert found.root == tmp_path
    assert found.paths[:2] == ("train_lmdb#key=00000001", "train_lmdb#key=00000002_x/b.jpg")
    assert found.labels.tolist() == [7, 2, -1, -1, 1, (1 << 31) - 1, -1]
    np.testing.assert_array_equal(found.read(0), np.repeat(PLANES[1].transpose(1, 2, 0), 3, 2))
    for index in (1, 2):
        np.testing.assert_array_equal(found.read(index), bgr[:, :, ::-1])
    for index, values in ((3, PLANES[6]), (4, floats), (5, PLANES[2])):
        sample = found.read(index)
        assert isinstance(sample, Planes)
        np.testing.assert_array_equal(sample.values, values)
    with pytest.raises(ImageError, match="train_lmdb, key '%FF%00': is not a Datum"):
        found.read(6)
    assert found.path(6) == database
    assert open_images(database / "data.mdb").paths[0] == "train_lmdb#key=00000001"


def test_many_threads(tmp_path: Path) -> None:
    """Also when nothing else keeps the database open."""
    pictures = RANDOM.integers(0, 256, (300, 3, 5, 4), dtype=np.uint8)
    write(tmp_path / "x_lmdb", {f"{number:04}".encode(): raw(picture) for number, picture in enumerate(pictures)})
    found = open_images(tmp_path / "x_lmdb")
    with ThreadPoolExecutor(8) as pool:
        for picture, read in zip(pictures, pool.map(found.read, range(300)), strict=True):
            np.testing.assert_array_equal(read, picture[::-1].transpose(1, 2, 0))


def test_two_readers_of_one_database(tmp_path: Path) -> None:
    write(tmp_path / "x_lmdb", {b"0": raw(PLANES[3])})
    one, other = open_images(tmp_path / "x_lmdb"), open_images(tmp_path / "x_lmdb")
    np.testing.assert_array_equal(one.read(0), other.read(0))


def test_databases_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="the database holds no record"):
        open_images(write(tmp_path / "empty", {}))
    (tmp_path / "level").mkdir()
    (tmp_path / "level/CURRENT").write_text("MANIFEST-000002")
    with pytest.raises(ImageError, match="looks like a LevelDB, which cannot be read; make an LMDB"):
        open_images(tmp_path / "level")
    (tmp_path / "x.mdb").write_bytes(b"nothing")
    with pytest.raises(ImageError, match="cannot be opened as an LMDB"):
        open_images(tmp_path / "x.mdb")
    gone = open_images(write(tmp_path / "one", {b"a": raw(PLANES[3])}))
    object.__setattr__(gone, "paths", ("one#key=b",))
    with pytest.raises(ImageError, match="has no record with key 'b' any more"):
        gone.read(0)
