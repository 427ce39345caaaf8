"""Order and frames of the grid on the small net and a scan of it."""

from contextlib import closing

import numpy as np
import pytest

from deepvis.compute.colour import ColourScale, colourise
from deepvis.compute.facts import Facts
from deepvis.controllers.grid_units import is_live, making_frames, making_order
from deepvis.controllers.sources import LayerValues, Sources
from deepvis.engines.engine import Engine, Frame
from deepvis.errors import SettingsError
from deepvis.scan.reader import Scan
from deepvis.scan.run import scan
from deepvis.session.session import Session
from deepvis.sources import open_images
from deepvis.state.resolve import resolve
from deepvis.state.viewer import ViewerModel
from entropy.errors import ScanError
from prototxt.common.progress import with_bar
from prototxt.net.graph import Value

RATES = {"conv1": np.array([0, 0.25, 0.5, 0.75, 1])}


@pytest.fixture
def sources(make_model, make_pictures, tmp_path):
    model, pictures = make_model(), make_pictures(12)
    with_bar(scan(model, pictures, tmp_path / "scan.h5", device="cpu"), quiet=True)
    facts = Facts(Scan(tmp_path / "scan.h5"), model, RATES)
    engine = Engine(model)
    maps = engine.forward(Frame("0.png", pictures.read(0))).maps[Value("conv1", 1)]
    yield Sources(Session(engine, facts=facts), LayerValues(maps, None))
    facts.close()


def state_of(sources, **wishes):
    return resolve(ViewerModel(**{"layer": "conv1"} | wishes), sources.session.engine.net)


def order(sources, **wishes):
    (made,) = making_order(state_of(sources, **wishes), sources)
    return made.shown


def frames(sources, **wishes):
    (made,) = making_frames(state_of(sources, **wishes), sources)
    return made


def test_every_sort_is_that_of_its_numbers(sources):
    table, facts = sources.session.facts.filters.table, sources.session.facts
    own = table.layer == "conv1"
    maps = sources.values.maps.reshape(5, -1)
    numbers = {
        "activation": -maps.max(1),
        "mean": -maps.mean(1),
        "scan mean": -facts.scan.statistics("conv1").mean,
        "H": table.h[own],
        "rate": -RATES["conv1"],
        "dead share": -table.zeros[own],
    }
    for sort, score in numbers.items():
        expected = tuple(np.argsort(score, kind="stable").tolist())
        assert order(sources, sort=sort) == expected, sort
    assert order(sources, sort="rate", reverse_order=True) == (0, 1, 2, 3, 4)
    assert order(sources, reverse_order=True) == (4, 3, 2, 1, 0)


def test_filters_keep_the_sort(sources):
    assert order(sources, unit_filter="rate >= 0.5", sort="rate") == (4, 3, 2)
    assert order(sources, unit_filter="frozen") == (0,)


def test_what_cannot_be_ordered_is_told(sources):
    with pytest.raises(SettingsError, match="no unit of conv1 has rate > 2; all are shown"):
        order(sources, unit_filter="rate > 2")
    with pytest.raises(ScanError, match="images have no labels"):
        order(sources, sort="selectivity")
    with pytest.raises(ScanError, match="the plan leaves it out"):
        order(sources, sort="rate", layer="fc")
    sources.session.facts = None
    with pytest.raises(ScanError, match="No scan"):
        order(sources, sort="H")


def test_units_are_sorted_by_their_classes(make_model, make_pictures, tmp_path):
    pictures, model = make_pictures(12), make_model()
    labels = np.arange(12) % 3
    lines = [f"{path} {label}" for path, label in zip(pictures.paths, labels, strict=True)]
    (pictures.root / "list.txt").write_text("\n".join(lines))
    listed = open_images(pictures.root / "list.txt")
    with_bar(scan(model, listed, tmp_path / "labelled.h5", device="cpu"), quiet=True)
    engine = Engine(model)
    maps = [engine.forward(Frame("", pictures.read(number))).maps[Value("conv1", 1)] for number in range(12)]
    of_class = np.stack([np.mean([maps[n].mean((1, 2)) for n in np.flatnonzero(labels == c)], 0) for c in range(3)])
    best = of_class.max(0)
    others = (of_class.sum(0) - best) / 2
    selectivity = np.where(best + others > 0, (best - others) / np.maximum(best + others, 1e-30), 0)
    with closing(Facts(Scan(tmp_path / "labelled.h5"), model, RATES)) as facts:
        sources = Sources(Session(engine, facts=facts), LayerValues(maps[0], None))
        assert order(sources, sort="selectivity") == tuple(np.argsort(-selectivity, kind="stable").tolist())
        assert order(sources, sort="class") == tuple(np.argsort(of_class.argmax(0), kind="stable").tolist())
        between = np.sort(selectivity)[2:4].mean()
        sharp = order(sources, sort="selectivity", unit_filter=f"selectivity > {between}")
        assert sharp == order(sources, sort="selectivity")[:2]


def test_what_depends_on_the_picture(sources):
    assert is_live(state_of(sources, sort="mean"))
    assert is_live(state_of(sources, unit_filter="activation > 0"))
    assert not is_live(state_of(sources, sort="H", unit_filter="nonsense"))


def test_frames_have_the_colours_of_their_numbers(sources):
    table = sources.session.facts.filters.table
    bits = table.h[table.layer == "conv1"]
    made = frames(sources, frame_kind="H")
    np.testing.assert_array_equal(made.colours, colourise(bits, ColourScale(0, table.h.max(), "viridis")))
    assert made.captions[2] == f"H {bits[2]:.3f} bit"
    rates = frames(sources, frame_kind="rate")
    np.testing.assert_array_equal(rates.colours, colourise(RATES["conv1"], ColourScale(0, 1, "matplotlib:coolwarm")))
    assert len(frames(sources).colours) == 0


def test_frames_of_a_threshold_are_what_it_freezes(sources):
    table = sources.session.facts.filters.table
    bits = table.h[table.layer == "conv1"]
    limit = float(np.median(bits))
    made = frames(sources, frame_kind="threshold", threshold=limit)
    free = colourise(np.array([1.0]), made.scale)[0]
    np.testing.assert_array_equal((made.colours == free).all(1), bits < limit)
    assert made.title == f"H < {limit:.3f} bit: {(bits < limit).sum()} of 5 free"
    usual = sources.session.facts.filters.plan(2).threshold
    assert f"H < {usual:.3f} bit" in frames(sources, frame_kind="threshold").title
    assert "not measured" in frames(sources, frame_kind="threshold", layer="fc").missing
    sources.session.facts = None
    assert "No scan" in frames(sources, frame_kind="H").missing
