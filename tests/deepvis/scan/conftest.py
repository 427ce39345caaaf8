"""What tests of the scan share: whether two files hold the same bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

AssertEqual = Callable[[Path, Path], None]


def datasets(path: Path) -> dict[str, np.ndarray]:
    """All data sets of a file by their names."""
    found: dict[str, np.ndarray] = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, node: found.update({name: node[()]}) if isinstance(node, h5py.Dataset) else None)
    return found


@pytest.fixture
def assert_same_bits() -> AssertEqual:
    """Compare all data sets of two files, bit by bit."""

    def compare(one: Path, other: Path) -> None:
        left, right = datasets(one), datasets(other)
        assert list(left) == list(right)
        for name, array in left.items():
            assert array.dtype == right[name].dtype, name
            if array.dtype == object:
                np.testing.assert_array_equal(array, right[name], err_msg=name)
            else:
                assert array.tobytes() == right[name].tobytes(), name

    return compare
