"""Names in a scan, and what they stand for elsewhere."""

from typing import get_args
from urllib.parse import unquote

import h5py
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entropy import ScanError
from entropy.measuring import scan_layout as layout
from entropy.measuring.measures import MEASURES, MeasureName
from entropy.measuring.scan_file import open_scan
from entropy.measuring.table import OPTIONAL_COLUMNS


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_a_layer_of_any_name_has_one_group_of_its_own(name):
    group = layout.group_name(name)
    assert "/" not in group
    assert unquote(group) == name


def test_names_of_layers_as_text_and_as_bytes(tmp_path):
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        layers = file.create_group("layers")
        layers.attrs["names"] = [b"conv1", "größe/1x1".encode()]
        layers.create_group("größe%2F1x1").attrs["units"] = 7
        assert layout.layer_names(file) == ("conv1", "größe/1x1")
        assert layout.group_of(file, "größe/1x1").attrs["units"] == 7


def test_kinds_of_importance_are_those_of_tables_and_measures():
    assert set(layout.IMPORTANCE) <= OPTIONAL_COLUMNS.keys()
    assert set(layout.IMPORTANCE) <= set(get_args(MeasureName)) == MEASURES.keys()


def test_a_scan_without_a_version_is_of_the_first_and_one_without_layers_is_none(tmp_path):
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file.attrs["format"] = "deepvis-scan"
        file.create_group("layers")
    open_scan(tmp_path / "scan.h5").close()
    with h5py.File(tmp_path / "scan.h5", "a") as file:
        del file["layers"]
    with pytest.raises(ScanError, match=r"scan\.h5: is an HDF5 file, but no scan .*; make one with: deepvis scan"):
        open_scan(tmp_path / "scan.h5")
