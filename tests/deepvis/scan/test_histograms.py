"""Histograms of means beside the table of means, and in its place."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import entropy
from deepvis.compute.facts import measure_layer
from deepvis.export.unit_entries import top_classes
from deepvis.scan.reader import Scan
from deepvis.scan.run import scan
from deepvis.sources import Images
from entropy.errors import ScanError
from entropy.measuring.histograms import Binning
from entropy.measuring.scan_file import read_histograms
from entropy.measuring.streamed_means import StreamedMeans
from entropy.measuring.streaming import MeanHistograms
from prototxt.common.progress import with_bar

LAYERS = ("conv1", "fc")


@pytest.fixture
def images(make_pictures) -> Images:
    pictures = replace(make_pictures(12), classes_of=(0, 1, 2) * 4)
    pictures.path(4).write_text("no picture")
    return pictures


def scanned(model, images: Images, out: Path, **options) -> Scan:
    with_bar(scan(model, images, out, top=3, batch=5, device="cpu", **options), quiet=True)
    return Scan(out)


def test_they_count_what_the_tables_hold(make_model, images: Images, tmp_path: Path) -> None:
    model = make_model()
    with (
        scanned(model, images, tmp_path / "both.h5", histograms=True, before=True) as both,
        scanned(model, images, tmp_path / "alone.h5", means=False, before=True) as alone,
    ):
        assert (both.keeps_means, alone.keeps_means) == (True, False)
        for layer in both.layers:
            for table, before in (("means_post", False), ("means_pre", True)):
                expected = MeanHistograms.nothing(both.layers[layer].units)
                expected.add(both.means(layer, before)[both.was_read])
                assert expected.images == 11
                for opened in (both, alone):
                    kept = read_histograms(opened.file, layer, table)
                    for name, array in vars(expected).items():
                        np.testing.assert_array_equal(getattr(kept, name), array, err_msg=f"{layer} {table} {name}")


def test_a_scan_without_the_table(make_model, images: Images, tmp_path: Path) -> None:
    model = make_model()
    with scanned(model, images, tmp_path / "scan.h5", means=False) as opened:
        with pytest.raises(ScanError, match="no table means_post of means; scan again and without --no-means"):
            opened.means("conv1")
        with pytest.raises(ScanError, match="or the means were not kept"):
            opened.class_means("conv1")
        units = opened.layers["conv1"].units
        assert top_classes(opened, "conv1") == [[]] * units
        shown = measure_layer(opened, "conv1", bins=8)
        streamed = StreamedMeans(read_histograms(opened.file, "conv1"))
        found = streamed.measure(Binning.of(units, shown.low, shown.high, 8))
        np.testing.assert_array_equal(shown.counts, found.counts)
        assert (shown.counts.sum(1) == 11).all()
        assert opened.statistics("conv1").mean == pytest.approx(found.mean, abs=np.ptp(found.mean) / 500)
    with scanned(model, images, tmp_path / "table.h5") as opened:
        assert read_histograms(opened.file, "conv1") is None
        assert measure_layer(opened, "conv1", bins=8).high[0] == pytest.approx(shown.high[0], rel=0.05)
        with pytest.warns(entropy.FewImagesWarning):
            table = entropy.measure(tmp_path / "table.h5", ["conv1"], width=0.02)
        np.testing.assert_array_equal(measure_layer(opened, "conv1", width=0.02).bits, table.h)
    with pytest.raises(ScanError, match="correlations are computed from the table of means"):
        scanned(model, images, tmp_path / "x.h5", means=False, correlation=True)
