from __future__ import annotations

import h5py
import numpy as np
import pytest

from prototxt.common.errors import FormatError, NetError
from prototxt.net.build import layer as make_layer
from tests.torchcaffe.data.read_off import batches, labels
from torchcaffe.data.hdf5_data import HDF5Data


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
