"""H from scan files, and its table."""

import csv
import shutil

import h5py
import numpy as np
import pytest

from entropy import ScanError, measure, read_csv, read_table, write_table
from entropy.measuring.histograms import entropy_bits
from entropy.measuring.measurement import FewImagesWarning, measuring
from entropy.measuring.scan_file import ScanTables, read_means
from prototxt.common.progress import Progress

BINS = 16


@pytest.fixture
def table(small):
    return measure(small.scan, bins=BINS)


def test_convolutions_only_by_default_and_others_on_request(small, table):
    assert table.layers == ("conv1", "branch/conv2")
    assert len(table) == 16
    assert measure(small.scan, ["fc3", "conv1"], bins=BINS).layers == ("conv1", "fc3")


def test_every_column_against_numpy(small, table):
    means = read_means(small.scan).means["branch/conv2"].values().astype(np.float64)
    columns = table.of_layer("branch/conv2")
    low, high = table.provenance.ranges["branch/conv2"]
    assert (low, high) == (0, pytest.approx(np.quantile(means, 0.999)))
    edges = np.linspace(0, high, BINS + 1)
    for unit in range(8):
        counts = np.histogram(np.minimum(means[:, unit], high), edges)[0]
        assert columns["h"][unit] == pytest.approx(entropy_bits(counts[None])[0])
        assert columns["mean"][unit] == pytest.approx(means[:, unit].mean())
        assert columns["std"][unit] == pytest.approx(means[:, unit].std())
    np.testing.assert_allclose(columns["h_relative"], columns["h"] / columns["h"].max())
    order = np.lexsort((table.index, table.layer == "branch/conv2", table.mean, table.std, table.h))
    np.testing.assert_array_equal(table.rank[order], np.arange(1, 17))


def test_a_dead_filter_is_reported(table):
    assert table.dead.tolist() == [False] * 3 + [True] + [False] * 12
    assert table.h[3] == 0
    assert table.zeros[3] == 1
    assert table.rank[3] == 1


def test_ties_are_counted_within_the_layer():
    column = np.arange(100, dtype=np.float32)
    tables = ScanTables({"a": np.stack([column, column, column * 0], 1), "b": column[:, None]})
    assert measure(tables, bins=10).ties.tolist() == [1, 1, 0, 0]


def test_scopes_change_the_range(small):
    network = measure(small.scan, bins=BINS, scope="network")
    assert len(set(network.provenance.ranges.values())) == 1
    assert network.h_relative.max() == 1
    assert (network.h_relative == 1).sum() == 1
    neuron = measure(small.scan, bins=BINS, scope="neuron")
    means = read_means(small.scan).means
    scaled = ScanTables({name: table.values() * np.float32(4) for name, table in means.items()})
    np.testing.assert_allclose(measure(scaled, bins=BINS, scope="neuron").h, neuron.h)


def test_csv_comes_back_the_same_also_when_sorted_by_others(table, tmp_path):
    table.write_csv(tmp_path / "entropy.csv")
    with (tmp_path / "entropy.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["h"]) for row in rows] == table.h.tolist()
    assert not any(None in row or None in row.values() for row in rows)  # as many cells as columns in every line
    for path in (tmp_path / "entropy.csv", tmp_path / "sorted.csv"):
        if path.name == "sorted.csv":
            lines = (tmp_path / "entropy.csv").read_text().splitlines(keepends=True)
            path.write_text("".join([lines[0], *reversed(lines[1:])]))
        again = read_csv(path)
        assert again.provenance == table.provenance
        assert again.to_csv() == table.to_csv()
        np.testing.assert_array_equal(again.h, table.h)
        assert again.h.dtype == table.h.dtype
        assert again.dead.dtype == bool


@pytest.mark.parametrize("name", ["entropy.h5", "entropy.hdf5", "entropy.csv"])
def test_the_ending_of_a_table_says_its_form(name, small, tmp_path):
    table = measure(small.scan, bins=BINS, resamples=20)
    write_table(table, tmp_path / name)
    again = read_table(tmp_path / name)
    assert again.to_csv() == table.to_csv()
    assert again.provenance == table.provenance
    for column in table.columns:
        assert getattr(again, column).dtype == getattr(table, column).dtype


def test_hdf5_tables_that_are_none(table, small, tmp_path):
    with pytest.raises(ScanError, match=r"a table is CSV or HDF5; give a name that ends in \.csv, \.h5, \.hdf5"):
        write_table(table, tmp_path / "entropy.txt")
    with pytest.raises(ScanError, match="no table of entropy measure"):
        read_table(small.scan)
    with pytest.raises(ScanError, match="make it with: python -m entropy measure"):
        read_table(tmp_path / "none.h5")
    for change, message in (
        (lambda file: file.__delitem__("ties"), "column ties is missing"),
        (lambda file: file.attrs.__setitem__("provenance", "{}"), "no row holds the provenance"),
        (lambda file: file.attrs.__setitem__("format_version", 9), "has format version 9"),
    ):
        write_table(table, tmp_path / "x.h5")
        with h5py.File(tmp_path / "x.h5", "a") as file:
            change(file)
        with pytest.raises(ScanError, match=message):
            read_table(tmp_path / "x.h5")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is missing"),
        ("layer,index\n", "is missing"),
        ("{header}\nconv1,0,oops,1,1,1,1,0,0,1,0,0,1,8,\n", r"csv:2: column h holds 'oops'"),
        ("{header}\nconv1,0,1,1,1,1,1,0,0,1,0,0,1,8,\n", "no row holds the provenance"),
    ],
)
def test_a_csv_that_is_none_of_ours(text, message, table, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(text.format(header=table.to_csv().splitlines()[0]))
    with pytest.raises(ScanError, match=message):
        read_csv(path)


def test_a_missing_csv(tmp_path):
    with pytest.raises(ScanError, match="python -m entropy measure"):
        read_csv(tmp_path / "none.csv")


def test_few_images_are_warned_of(small):
    with pytest.warns(FewImagesWarning, match="400 images are few for 256 bins.*at most 40 bins"):
        measure(small.scan)


def test_the_warning_points_to_who_measured(small):
    with pytest.warns(FewImagesWarning) as caught:
        measure(small.scan)
    assert [warning.filename for warning in caught] == [__file__]


def test_measuring_tells_which_layer_it_has_reached(small):
    steps = list(measuring(small.scan, ["conv1", "branch/conv2", "fc3"], bins=BINS))
    assert steps == [Progress(done, 3, "measuring: layers") for done in range(4)]


def test_bad_scans(small, tmp_path):
    with pytest.raises(ScanError, match="no such file; make one with: deepvis scan"):
        measure(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(ScanError, match="is not a whole HDF5 file"):
        measure(tmp_path / "text.h5")
    with h5py.File(tmp_path / "other.h5", "w"):
        pass
    with pytest.raises(ScanError, match="no scan"):
        measure(tmp_path / "other.h5")
    with pytest.raises(ScanError, match="no layer 'conv9'; it holds conv1, branch/conv2, fc3"):
        measure(small.scan, ["conv9"])
    with pytest.raises(ScanError, match="no table means_pre"):
        measure(small.scan, after=False)


def test_images_that_could_not_be_used_are_left_out(small, tmp_path):
    path = shutil.copy(small.scan, tmp_path / "scan.h5")
    expected = read_means(path).means["conv1"].values()
    with h5py.File(path, "a") as file:
        status = np.zeros(400, np.uint8)
        status[[5, 399]] = 1
        file.create_group("images")["status"] = status
        for table in ("conv1", "branch%2Fconv2"):
            for image in (5, 399):
                file[f"layers/{table}/means_post"][image] = np.nan
    np.testing.assert_array_equal(read_means(path).means["conv1"].values(), np.delete(expected, [5, 399], axis=0))
    assert measure(path, bins=16).provenance.images == 398


def test_a_newer_format_is_refused(small, tmp_path):
    path = shutil.copy(small.scan, tmp_path / "scan.h5")
    with h5py.File(path, "a") as file:
        file.attrs["format_version"] = 2
    with pytest.raises(ScanError, match="has format version 2, this program knows up to 1"):
        measure(path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bins": 1}, "bins must be at least 2 and at most 65536; got 1"),
        ({"bins": "stone"}, "no rule 'stone' for bins; give a number, or one of auto, doane, fd"),
        ({"width": 0.0}, "the width of a bin must be greater than 0"),
        ({"width": 1e-9}, "a width of 1e-09 gives .* at most 65536 can be had"),
        ({"quantile": 0.5}, "the quantile must lie above 0.5"),
        ({"quantile": 1.1}, "the quantile must lie above 0.5"),
        ({"scope": "net"}, "the scope must be layer, network or neuron"),
        ({"kept": "histograms"}, "layer 'conv1' has no histograms of means_post"),
    ],
)
def test_settings_out_of_range(settings, message, small):
    with pytest.raises(ScanError, match=message):
        measure(small.scan, **settings)


def test_tables_without_images_or_with_nan_are_refused():
    with pytest.raises(ScanError, match="at least 1"):
        measure(ScanTables({"a": np.zeros((0, 3), np.float32)}))
    broken = np.ones((50, 3), np.float32)
    broken[7, 1] = np.nan
    with pytest.raises(ScanError, match="layer 'a', unit 1"):
        measure(ScanTables({"a": broken}), bins=4)
