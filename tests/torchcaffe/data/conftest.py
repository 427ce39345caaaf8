from pathlib import Path

import h5py
import numpy as np
import pytest


@pytest.fixture
def rows(tmp_path) -> Path:
    """A folder with two HDF5 files of 5 and 3 rows, whose place is their number, and the list of the files."""
    place = 0
    for index, count in enumerate((5, 3)):
        with h5py.File(tmp_path / f"{index}.h5", "w") as file:
            file["data"] = np.arange(place, place + count, dtype=np.float64)[:, None] * [1, 10]
            file["place"] = np.arange(place, place + count, dtype=np.int32)
        place += count
    (tmp_path / "list.txt").write_text(f"{tmp_path}/0.h5 \n{tmp_path}/1.h5")
    return tmp_path
