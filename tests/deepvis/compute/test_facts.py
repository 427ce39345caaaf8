"""What the window says of a unit's H is what ``python -m entropy measure`` says of it."""

from pathlib import Path

import h5py
import numpy as np
import pytest

import entropy
from deepvis.compute.facts import Facts
from deepvis.model.model import Model
from deepvis.scan.reader import Scan
from deepvis.scan.run import scan
from entropy.measuring import scan_layout as layout
from entropy.measuring.streaming import MeanHistograms
from prototxt.common.progress import with_bar

LAYERS = ("conv1", "branch/left", "fc8")
SETTINGS = [
    {},
    {"bins": 16, "quantile": 0.9},
    {"width": 0.05},
    {"bins": 8, "after": False},
    {"bins": 8, "scope": "network"},
    {"bins": "fd", "scope": "neuron"},
    {"bins": "fd"},
]


@pytest.fixture
def model(make_model) -> Model:
    return make_model()


@pytest.fixture
def path(model: Model, make_pictures, tmp_path: Path) -> Path:
    """A scan of 60 images whose last could not be used, with filters that are dead, equal, or nearly so."""
    place = tmp_path / "scan.h5"
    with_bar(scan(model, make_pictures(60), place, device="cpu", before=True, histograms=True), quiet=True)
    rng = np.random.default_rng(0)
    with h5py.File(place, "r+") as file:
        file["images/status"][59] = 1
        for layer in (layout.group_of(file, name) for name in LAYERS):
            for table in ("means_post", "means_pre"):
                means = rng.gamma(0.7, size=layer[table].shape).astype(np.float32)
                means[:, 0] = 0
                means[:, 1] = 3 * (np.arange(60) % 7)
                means[:, 2] = means[::-1, 1]  # the same H, and all but the same moments
                if means.shape[1] > 4:
                    means[:, 3], means[:, 4] = 0, means[:, 1] + 1e-3
                means[59] = np.nan
                layer[table][:] = means
                kept = MeanHistograms.nothing(means.shape[1])
                kept.add(means[:59])
                layer[f"{table}_counts"][:], layer[f"{table}_zeros"][:] = kept.counts, kept.zeros
                layer[f"{table}_extremes"][:] = np.stack([kept.min, kept.max], 1)
    return place


def compare(path: Path, model: Model, settings: dict) -> entropy.Table:
    table = entropy.measure(path, LAYERS, warn=False, **settings)
    facts = Facts(Scan(path), model, layers=LAYERS, **settings)
    for layer in LAYERS:
        of_layer, shown = table.of_layer(layer), facts.histogram(layer)
        for ours, column in (("bits", "h"), ("low", "low"), ("high", "high")):
            np.testing.assert_array_equal(getattr(shown, ours), of_layer[column], err_msg=f"{layer} {column}")
        # The table ranks the filters of the net, the window those of the layer: in the same order.
        np.testing.assert_array_equal(np.argsort(shown.ranks), np.argsort(of_layer["rank"]), err_msg=layer)
        assert sorted(shown.ranks) == list(range(1, len(shown.ranks) + 1))
    unit = facts.histogram("fc8")
    facts.close()
    assert (unit.counts.sum(1) == 59).all()
    return table


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_every_unit_is_as_in_the_table(settings: dict, path: Path, model: Model) -> None:
    table = compare(path, model, settings)
    assert table.dead.sum() >= len(LAYERS)
    assert (table.ties > 0).sum() > len(LAYERS)


@pytest.mark.parametrize("settings", [each for each in SETTINGS if each.get("bins") != "fd"], ids=str)
def test_every_unit_is_as_in_the_table_where_only_histograms_were_kept(settings, path: Path, model: Model) -> None:
    with h5py.File(path, "r+") as file:
        for layer in file["layers"].values():
            del layer["means_post"], layer["means_pre"]
    compare(path, model, settings)


def test_a_unit_has_the_rank_and_h_of_its_histogram(path: Path, model: Model) -> None:
    facts = Facts(Scan(path), model, layers=LAYERS)
    shown = facts.histogram("conv1")
    for unit in range(len(shown.bits)):
        known = facts.unit("conv1", unit)
        assert (known.bits, known.rank, known.images) == (shown.bits[unit], shown.ranks[unit], 59)
        assert known.bits <= 8
    facts.close()
