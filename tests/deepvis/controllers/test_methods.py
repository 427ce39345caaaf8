"""The numbers of the pane of methods are those that the commands of entropy write."""

import csv
import json

import numpy as np
import pytest

from deepvis.compute.facts import Facts
from deepvis.controllers.panes.methods import make_methods
from deepvis.controllers.sources import Sources
from deepvis.engines.engine import Engine
from deepvis.scan.reader import Scan
from deepvis.scan.run import scan
from deepvis.session.session import Session
from deepvis.state.resolve import resolve
from deepvis.state.viewer import ViewerModel
from entropy.__main__ import main
from prototxt.common.progress import with_bar


@pytest.fixture
def sources(make_model, make_pictures, tmp_path):
    opened = []

    def make(**settings):
        model = make_model()
        if not opened:
            with_bar(scan(model, make_pictures(12), tmp_path / "scan.h5", device="cpu"), quiet=True)
        opened.append(Facts(Scan(tmp_path / "scan.h5"), model, **settings))
        return Sources(Session(Engine(model), facts=opened[-1]))

    yield make
    for facts in opened:
        facts.close()


def shown(sources, **wishes):
    *_, content = make_methods(resolve(ViewerModel(**wishes), sources.session.engine.net), sources)
    return content


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ((), {}),
        (("--bins", "8"), {"bins": 8}),
        (("--scope", "network"), {"scope": "network"}),
        (("--scope", "neuron", "--bins", "7"), {"scope": "neuron", "bins": 7}),
        (("--before-activation", "--width", "0.5"), {"after": False, "width": 0.5}),
    ],
)
def test_h_ranks_and_coefficients_are_those_of_the_commands(sources, tmp_path, options, settings):
    found = sources(**settings)
    main(["measure", str(tmp_path / "scan.h5"), "--out", str(tmp_path / "entropy.csv"), *options])
    soft = settings.get("after", True)  # before the activation H of a mean below 0 has no largest to be divided by
    for method in range(1, 7 if soft else 4):
        arguments = ["plan", str(tmp_path / "entropy.csv"), "--method", str(method)]
        main([*arguments, "--out", str(tmp_path / f"{method}.json")])
    rows = list(csv.DictReader((tmp_path / "entropy.csv").read_text().splitlines()))
    for layer, unit in (("conv1", 0), ("branch/left", 3), ("up", 1)):
        content = shown(found, layer=layer, unit=unit)
        own = [row for row in rows if row["layer"] == layer]
        expected = next(row for row in own if int(row["index"]) == unit)
        assert content.bits == float(expected["h"])
        assert found.session.facts.unit(layer, unit).bits == float(expected["h"])
        rank = 1 + sum(int(row["rank"]) < int(expected["rank"]) for row in own)
        assert content.words[1].startswith(f"rank {rank} of {len(own)} in")
        assert content.words[2] == f"rank {expected['rank']} of {len(rows)} in the net"
        for method in range(1, 7 if soft else 4):
            plan = json.loads((tmp_path / f"{method}.json").read_text())
            row = content.rows[method - 1]
            assert row.coefficient == plan["layers"][layer]["requested"][unit]
            assert row.realised == plan["layers"][layer]["realised"][unit]
            assert row.share_free == plan["share_free"]


def test_the_curve_goes_through_the_coefficient(sources):
    content = shown(sources(), layer="conv1", unit=2)
    assert content.bits > 0
    for row in content.rows:
        place = np.argmin(np.abs(content.h - content.bits))
        slope = np.abs(np.diff(row.curve)).max()
        assert abs(row.curve[place] - row.coefficient) <= slope
    assert content.histogram.counts.sum() == 12


def test_what_has_no_h_says_so(sources):
    found = sources()
    assert "keeps its own rate" in shown(found, layer="fc").missing
    found.session.facts = None
    assert "No scan" in shown(found, layer="conv1").missing
