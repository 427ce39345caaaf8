"""What the scan says of the selected unit, in the controller without a window."""

import numpy as np
import pytest

from deepvis.compute.facts import Facts
from deepvis.scan.reader import Scan
from deepvis.scan.run import scan
from prototxt.common.progress import with_bar


@pytest.fixture
def scanned(make_model, make_pictures, tmp_path):
    model = make_model()
    with_bar(scan(model, make_pictures(12, folder="scanned"), tmp_path / "scan.h5", device="cpu"), quiet=True)

    def open_facts(shown=model, multipliers=None, **how):
        return Facts(Scan(tmp_path / "scan.h5"), shown, multipliers, **how)

    return open_facts


def test_facts_of_a_unit(setup, scanned):
    made = setup(scanned(multipliers={"conv1": np.array([0, 0.25, 1, 0, 0])}), layer="conv1", unit=1)
    made.threads.end_all()
    facts = made.last("facts").facts
    assert (facts.layer, facts.unit, facts.multiplier, facts.images) == ("conv1", 1, 0.25, 12)
    assert len(facts.patches) == 9
    assert facts.patches[0].pixels.shape == (3, 3, 3)
    assert [patch.value for patch in facts.patches] == sorted((p.value for p in facts.patches), reverse=True)


@pytest.mark.parametrize("how", [{}, {"bins": 8, "quantile": 0.9}])
def test_h_is_what_entropy_measures(scanned, tmp_path, how):
    import entropy

    facts = scanned(**how)
    with pytest.warns(match="few"):
        table = entropy.measure(tmp_path / "scan.h5", ["conv1"], **how)
    measured = {int(index): h for index, h in zip(table.index, table.h, strict=True)}
    for unit in range(5):
        assert facts.unit("conv1", unit).bits == pytest.approx(measured[unit], abs=1e-9)
    ranks = [facts.unit("conv1", unit).rank for unit in range(5)]
    assert sorted(ranks) == [1, 2, 3, 4, 5]
    assert facts.unit("conv1", ranks.index(1)).bits == min(measured.values())
    facts.close()


def test_a_scan_of_other_weights_is_stale_and_says_why(setup, scanned, make_model):
    made = setup(scanned(make_model(seed=9)), layer="conv1")
    made.threads.end_all()
    assert "other weights" in made.last("facts").stale
    assert any("stale" in part for part in made.last("status").parts)


def test_layers_without_filters_say_so(setup, scanned):
    made = setup(scanned(), layer="pool1")
    made.threads.end_all()
    assert "pool1 (Pooling) has no filters" in made.last("facts").missing


def test_a_picture_gone_since_the_scan_is_a_sentence_in_the_pane(setup, scanned):
    facts = scanned()
    for image in range(12):
        facts.scan.image_path(image).unlink()
    made = setup(facts, layer="conv1")
    made.threads.end_all()
    content = made.last("facts")
    assert content.facts is None
    assert "cannot be read" in content.missing


def test_the_whole_picture_of_a_patch(setup, scanned):
    made = setup(scanned(), layer="conv1")
    made.threads.end_all()
    made.controller.ask_whole(2)
    made.threads.end_all()
    rank, whole = made.view.show_whole.call_args.args
    assert rank == 2
    ((y0, x0, y1, x1),) = whole.boxes
    assert 0 <= y0 < y1 <= whole.pixels.shape[0]
    assert 0 <= x0 < x1 <= whole.pixels.shape[1]
