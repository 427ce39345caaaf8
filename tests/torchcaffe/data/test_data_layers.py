from __future__ import annotations

import gc
import threading
import time
from pathlib import Path

import cv2
import h5py
import lmdb
import numpy as np
import pytest
import torch

from prototxt.common.errors import FormatError, NetError
from prototxt.formats.schema import Datum
from prototxt.formats.text import parse_net
from prototxt.net.build import layer as make_layer
from torchcaffe.data.database import Data
from torchcaffe.data.dummy_data import DummyData
from torchcaffe.data.hdf5_data import HDF5Data
from torchcaffe.data.image_data import ImageData
from torchcaffe.data.memory_data import MemoryData
from torchcaffe.network import Network

BATCHES = 4


def batches(layer, count=BATCHES):
    return [[top.numpy().copy() for top in layer()] for _ in range(count)]


def labels(layer, count=BATCHES):
    return [int(label) for batch in batches(layer, count) for label in batch[1]]


# -- ImageData ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def pictures(tmp_path) -> Path:
    """Ten 8×6 PNGs whose label is their place; the blue value is the place too."""
    lines = []
    for index in range(10):
        picture = np.random.default_rng(index).integers(0, 256, size=(6, 8, 3), dtype=np.uint8)
        picture[..., 0] = index
        cv2.imwrite(str(tmp_path / f"an image {index}.png"), picture)
        lines.append(f"an image {index}.png {index}\n")
    (tmp_path / "list.txt").write_text("".join(lines) + "\n")
    return tmp_path


def image_data(folder, phase="TRAIN", seed=0, transform=None, **fields) -> ImageData:
    fields = {"source": str(folder / "list.txt"), "root_folder": f"{folder}/", "batch_size": 4, **fields}
    param = make_layer("ImageData", "data", (), ["data", "label"], image_data_param=fields, transform_param=transform)
    return ImageData.from_param(param, (), phase, seed)


def test_pictures_come_in_order_blue_first_and_start_again_inside_a_batch(pictures):
    layer = image_data(pictures)
    assert layer.top_shapes == [(4, 3, 6, 8), (4,)]
    for index, (data, label) in enumerate(batches(layer)):
        places = [(4 * index + i) % 10 for i in range(4)]
        assert label.tolist() == places
        for place, picture in zip(places, data, strict=True):
            file = cv2.imread(str(pictures / f"an image {place}.png"))
            np.testing.assert_array_equal(picture, file.transpose(2, 0, 1))
            assert (picture[0] == place).all()


def test_resize_and_grey_are_opencvs(pictures):
    data, _ = batches(image_data(pictures, new_height=5, new_width=7, is_color=False), 1)[0]
    grey = cv2.imread(str(pictures / "an image 2.png"), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(data[2, 0], cv2.resize(grey, (7, 5), interpolation=cv2.INTER_LINEAR))


def test_shuffle_goes_through_all_in_a_new_order_every_epoch(pictures):
    found = labels(image_data(pictures, shuffle=True, batch_size=5), 4)
    first, second = found[:10], found[10:]
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != list(range(10))
    assert first != second


def test_the_seed_makes_order_crops_and_mirrors_repeatable(pictures):
    def run(seed):
        transform = {"crop_size": 4, "mirror": True}
        return batches(image_data(pictures, seed=seed, shuffle=True, rand_skip=5, transform=transform))

    once, again, other = run(7), run(7), run(8)
    for batch, same in zip(once, again, strict=True):
        np.testing.assert_array_equal(batch[0], same[0])
        np.testing.assert_array_equal(batch[1], same[1])
    assert any((batch[0] != different[0]).any() for batch, different in zip(once, other, strict=True))


def test_rand_skip_starts_inside_the_list_once(pictures):
    starts = {labels(image_data(pictures, rand_skip=6, seed=seed), 3)[0] for seed in range(40)}
    assert starts == set(range(6))
    found = labels(image_data(pictures, rand_skip=6, seed=3), 5)
    assert found == [(found[0] + i) % 10 for i in range(20)]


def test_label_is_what_follows_the_last_space_and_zero_without_one(pictures):
    (pictures / "list.txt").write_text("an image 3.png\t 12 \r\n")
    assert labels(image_data(pictures, batch_size=1), 1) == [12]
    (pictures / "3.png").write_bytes((pictures / "an image 3.png").read_bytes())
    (pictures / "list.txt").write_text("3.png\n")
    assert labels(image_data(pictures, batch_size=1), 1) == [0]


def test_an_unreadable_image_is_named_with_its_line_and_the_next_batch_still_comes(pictures):
    (pictures / "an image 5.png").write_bytes(b"no picture")
    layer = image_data(pictures)
    layer()
    with pytest.raises(FormatError, match=r"list\.txt:6: the image .*an image 5\.png is not a picture"):
        layer()
    assert layer()[1].tolist() == [8, 9, 0, 1]


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_pictures_that_say_how_they_are_turned_are_turned_as_by_opencv(pictures, orientation):
    jpeg = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 256, size=(6, 8, 3), dtype=np.uint8))[1].tobytes()
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0" + bytes([orientation]) + bytes(6)
    path = pictures / "turned.jpg"
    path.write_bytes(jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:])
    (pictures / "list.txt").write_text("turned.jpg 0\n")
    data, _ = batches(image_data(pictures, batch_size=1), 1)[0]
    expected = cv2.imread(str(path)).transpose(2, 0, 1)
    assert expected.shape == ((3, 8, 6) if orientation == 6 else (3, 6, 8))
    np.testing.assert_array_equal(data[0], expected)


@pytest.mark.parametrize(
    ("text", "fields", "error", "sentence"),
    [
        ("", {}, FormatError, r"list\.txt: the image list is empty"),
        ("an image 0.png zero\n", {}, FormatError, r"list\.txt:1: the label must be a whole number .* got 'zero'"),
        ("gone.png 0\n", {}, FormatError, r"list\.txt:1: the image .*gone\.png does not exist"),
        (None, {"source": "nowhere.txt"}, FormatError, r"nowhere\.txt: the image list cannot be read"),
        (None, {"source": ""}, NetError, "image_data_param has no source"),
        (None, {"batch_size": 0}, NetError, "batch_size must be positive"),
        (None, {"new_height": 5}, NetError, "new_height and new_width must be given together"),
        (None, {"transform": {"crop_size": 7}}, NetError, "crop_size 7 does not fit"),
        ("an image 0.png 0\n", {"rand_skip": 100}, NetError, "rand_skip 100 is larger than the list of 1 images"),
    ],
)
def test_bad_image_data(pictures, text, fields, error, sentence):
    if text is not None:
        (pictures / "list.txt").write_text(text)
    with pytest.raises(error, match=sentence):
        image_data(pictures, seed=1, **fields)


def test_pictures_of_different_size_in_a_batch_are_named(pictures):
    cv2.imwrite(str(pictures / "an image 1.png"), np.zeros((7, 8, 3), np.uint8))
    layer = image_data(pictures)
    with pytest.raises(
        NetError, match=r"an image 0\.png and .*an image 1\.png \(.*list\.txt:2\) are of different size"
    ):
        layer()


def test_threads_start_with_the_first_batch_and_end_with_the_layer(pictures):
    before = set(threading.enumerate())

    def new_threads():
        return set(threading.enumerate()) - before

    layer = image_data(pictures)
    assert not new_threads()
    layer()
    assert new_threads()
    layer.close()
    assert not new_threads()
    layer()
    del layer
    deadline = time.monotonic() + 10
    while new_threads() and time.monotonic() < deadline:
        gc.collect()  # again, because a batch that is being read holds on to the layer
        time.sleep(0.05)
    assert not new_threads()


# -- HDF5Data ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def rows(tmp_path) -> Path:
    place = 0
    for index, count in enumerate((5, 3)):
        with h5py.File(tmp_path / f"{index}.h5", "w") as file:
            file["data"] = np.arange(place, place + count, dtype=np.float64)[:, None] * [1, 10]
            file["place"] = np.arange(place, place + count, dtype=np.int32)
        place += count
    (tmp_path / "list.txt").write_text(f"{tmp_path}/0.h5 \n{tmp_path}/1.h5")
    return tmp_path


def hdf5_data(folder, tops=("data", "place"), seed=0, **fields) -> HDF5Data:
    fields = {"source": str(folder / "list.txt"), "batch_size": 3, **fields}
    return HDF5Data.from_param(
        make_layer("HDF5Data", "rows", (), list(tops), hdf5_data_param=fields), (), "TRAIN", seed
    )


def test_rows_come_in_order_over_files_and_epochs(rows):
    layer = hdf5_data(rows)
    assert layer.top_shapes == [(3, 2), (3,)]
    found = batches(layer, 6)
    places = np.concatenate([batch[1] for batch in found])
    assert places.dtype == np.float32
    assert places.tolist() == [i % 8 for i in range(18)]
    np.testing.assert_array_equal(np.concatenate([batch[0] for batch in found]), places[:, None] * [1, 10])


def test_shuffled_rows_stay_with_their_file_and_all_come_in_every_epoch(rows):
    places = np.concatenate([batch[1] for batch in batches(hdf5_data(rows, shuffle=True, batch_size=8), 6)])
    files = places >= 5
    orders = set()
    for epoch in range(6):
        one = places[8 * epoch : 8 * epoch + 8]
        assert sorted(one) == list(range(8))
        assert np.count_nonzero(np.diff(files[8 * epoch : 8 * epoch + 8])) == 1
        orders.add(tuple(one))
    assert len(orders) > 1


@pytest.mark.parametrize(
    ("spoil", "error", "sentence"),
    [
        (lambda f: (f / "list.txt").write_text("\n"), FormatError, "names no HDF5 file"),
        (lambda f: (f / "list.txt").write_text("gone.h5"), FormatError, r"names gone\.h5, which does not exist"),
        (lambda f: (f / "list.txt").unlink(), FormatError, "list of HDF5 files cannot be read"),
        (lambda f: (f / "0.h5").write_bytes(b"x"), FormatError, r"0\.h5: cannot be read \(it is no HDF5 file"),
    ],
)
def test_bad_hdf5_sources(rows, spoil, error, sentence):
    spoil(rows)
    with pytest.raises(error, match=sentence):
        hdf5_data(rows)


def test_bad_hdf5_contents(rows):
    with pytest.raises(FormatError, match="has no data set 'label'; it has data, place"):
        hdf5_data(rows, tops=("data", "label"))
    with h5py.File(rows / "1.h5", "a") as file:
        del file["data"]
        file["data"] = np.zeros((3, 4))
    layer = hdf5_data(rows, batch_size=2)
    assert labels(layer, 2) == [0, 1, 2, 3]
    for _ in range(2):
        with pytest.raises(NetError, match=r"rows of .*1\.h5 have shapes .* all files of a source must agree"):
            layer()


def test_hdf5_data_refuses_to_transform(rows):
    param = make_layer("HDF5Data", "rows", (), ["data"], transform_param={"scale": 2})
    with pytest.raises(NetError, match=r"'rows'.*does not transform data"):
        HDF5Data.from_param(param)


# -- Data --------------------------------------------------------------------------------------------------------------


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
    with pytest.raises(NetError, match=r"LEVELDB .* is not supported; set backend: LMDB"):
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


# -- DummyData and MemoryData ------------------------------------------------------------------------------------------


def dummy_data(tops, seed=0, **fields) -> DummyData:
    return DummyData.from_param(make_layer("DummyData", "dummy", (), tops, dummy_data_param=fields), (), "TRAIN", seed)


def test_constant_fillers_stay_and_others_are_drawn_anew():
    fillers = [{"type": "constant", "value": 3}, {"type": "gaussian", "std": 2}]
    layer = dummy_data(["a", "b"], shape=[{"dim": [2, 3]}, {"dim": [1000]}], data_filler=fillers)
    assert layer.top_shapes == [(2, 3), (1000,)]
    (a, b), (again, other) = layer(), layer()
    assert (a == 3).all()
    assert torch.equal(a, again)
    assert not torch.equal(b, other)
    assert 1.8 < float(b.std()) < 2.2
    same = dummy_data(["a", "b"], shape=[{"dim": [2, 3]}, {"dim": [1000]}], data_filler=fillers)
    assert torch.equal(same()[1], b)


def test_legacy_sizes_and_no_filler():
    layer = dummy_data(["a", "b"], num=[5], channels=[3], height=[2, 4], width=[1])
    assert layer.top_shapes == [(5, 3, 2, 1), (5, 3, 4, 1)]
    assert all((top == 0).all() for top in layer())


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "shape is given 0 times for 3 tops"),
        ({"shape": [{"dim": [1]}] * 2}, "shape is given 2 times for 3 tops; give it once, or once for every top"),
        ({"shape": [{"dim": [1]}], "num": [1]}, "both given; keep shape"),
        ({"num": [1], "channels": [1], "height": [1]}, "width is given 0 times"),
        ({"shape": [{"dim": [1]}], "data_filler": [{}] * 2}, "has 2 data_filler for 3 tops"),
        ({"shape": [{"dim": [1]}], "data_filler": [{"type": "gausian"}]}, "'dummy'.*'gausian'"),
    ],
)
def test_bad_dummy_data(fields, sentence):
    with pytest.raises(NetError, match=sentence):
        dummy_data(["a", "b", "c"], **fields)


def test_memory_data_goes_round_its_arrays():
    fields = {"batch_size": 2, "channels": 1, "height": 2, "width": 3}
    layer = MemoryData.from_param(make_layer("MemoryData", "m", (), ["data", "label"], memory_data_param=fields))
    with pytest.raises(NetError, match="has no data yet"):
        layer()
    array = np.random.default_rng(0).normal(size=(4, 1, 2, 3)).astype(np.float32)
    with pytest.raises(NetError, match=r"a multiple of 2, 1, 2, 3.*got \(3, 1, 2, 3\) and 3 labels"):
        layer.reset(array[:3], np.arange(3))
    layer.reset(array, np.arange(4).reshape(4, 1, 1, 1))
    assert labels(layer, 3) == [0, 1, 2, 3, 0, 1]
    np.testing.assert_array_equal(layer()[0], array[2:])


# -- HDF5Output --------------------------------------------------------------------------------------------------------

ROUND = """
layer {{ name: "in" type: "HDF5Data" top: "data" top: "place"
  hdf5_data_param {{ source: "{rows}" batch_size: {batch} }} }}
layer {{ name: "out" type: "HDF5Output" bottom: "data" bottom: "place"
  hdf5_output_param {{ file_name: "{out}" }} }}
"""
PYCAFFE = """
import sys
import caffe
caffe.Net(sys.argv[1], caffe.TEST).forward()
"""


def output(rows, out, batch) -> Network:
    return Network(parse_net(ROUND.format(rows=rows / "list.txt", out=out, batch=batch)))


def test_hdf5_output_holds_the_rows_of_all_batches(rows, tmp_path, monkeypatch):
    monkeypatch.chdir(rows)
    net = output(rows, tmp_path / "out.h5", batch=2)
    expected = [net.run(keep=["data"])[net.graph.value("data")].numpy() for _ in range(3)]
    assert not (tmp_path / "out.h5").exists(), "it was not asked to run"
    net = output(rows, tmp_path / "out.h5", batch=2)
    (tmp_path / "out.h5").write_text("what was there")
    for _ in range(3):
        net.run()
    with h5py.File(tmp_path / "out.h5") as file:
        written = file["data"][...]
        assert file["label"].shape == (6, 1, 1, 1)
    np.testing.assert_array_equal(written, np.concatenate(expected).reshape(written.shape))


@pytest.mark.caffe
def test_hdf5_output_is_as_caffes(rows, tmp_path, monkeypatch, real_caffe):
    monkeypatch.chdir(rows)
    output(rows, tmp_path / "ours.h5", batch=3).run()
    (tmp_path / "net.prototxt").write_text(ROUND.format(rows=rows / "list.txt", out=tmp_path / "theirs.h5", batch=3))
    result = real_caffe.run_python(PYCAFFE, tmp_path / "net.prototxt", cwd=rows)
    assert result.returncode == 0, result.stdout
    with h5py.File(tmp_path / "ours.h5") as ours, h5py.File(tmp_path / "theirs.h5") as theirs:
        assert ours.keys() == theirs.keys()
        for name, dataset in theirs.items():
            assert ours[name].dtype == dataset.dtype
            np.testing.assert_array_equal(ours[name], dataset)


def test_bad_hdf5_output(rows, tmp_path, monkeypatch):
    monkeypatch.chdir(rows)
    for out in ("", str(tmp_path), str(tmp_path / "no folder/out.h5")):
        with pytest.raises(NetError, match=r"'out' \(HDF5Output\): .* must name a file in a folder that exists"):
            output(rows, out, batch=1)
    net = output(rows, tmp_path / "out.h5", batch=1)
    data = torch.zeros(2, 1, 1, 1, 1)
    with pytest.raises(NetError, match=r"layer 'out'.*up to four axes .* got \(2, 1, 1, 1, 1\) and \(2,\)"):
        net.run({"data": data, "place": data[:, 0, 0, 0, 0]})
    net.run({"data": torch.zeros(2, 3), "place": torch.zeros(2)})
    with pytest.raises(NetError, match=r"rows of 'data' have shape \(4, 1, 1\); those before had \(3, 1, 1\)"):
        net.run({"data": torch.zeros(2, 4), "place": torch.zeros(2)})
    (tmp_path / "out.h5").unlink()
    (tmp_path / "out.h5").mkdir()
    with pytest.raises(NetError, match=r"out\.h5 cannot be written"):
        net.run({"data": torch.zeros(2, 3), "place": torch.zeros(2)})
