"""Pictures of the selected unit: from a folder, from the scan, and what back-propagation brings."""

import cv2
import numpy as np
import pytest

from deepvis.compute.facts import Facts
from deepvis.controllers.panes.unit_images import make_unit_images
from deepvis.controllers.sources import Sources
from deepvis.engines.engine import Engine
from deepvis.engines.hits import hits_of_unit
from deepvis.engines.trace import HitTracer
from deepvis.export.pictures import back_colours
from deepvis.export.unit_folders import open_unit_pictures
from deepvis.export.visit import visit
from deepvis.scan.reader import Scan
from deepvis.scan.run import scan
from deepvis.session.session import Session
from deepvis.state.resolve import resolve
from deepvis.state.viewer import ViewerModel
from prototxt.common.progress import with_bar


def contents(sources, **wishes):
    state = resolve(ViewerModel(**{"layer": "branch/left", "unit": 1} | wishes), sources.session.engine.net)
    return list(make_unit_images(state, sources))


@pytest.fixture
def facts(make_model, make_pictures, tmp_path):
    model = make_model()
    with_bar(scan(model, make_pictures(12), tmp_path / "scan.h5", device="cpu", workers=0), quiet=True)
    made = Facts(Scan(tmp_path / "scan.h5"), model)
    yield made
    made.close()


@pytest.mark.parametrize(("chosen", "mode"), [("off", "deconv"), ("gradient", "gradient"), ("guided", "guided")])
def test_patches_come_at_once_and_their_gradients_one_by_one(make_model, facts, chosen, mode):
    model = make_model()
    made = contents(Sources(Session(Engine(model), facts=facts)), back_mode=chosen)
    first, last = made[0].blocks, made[-1].blocks
    assert [len(block.pictures) for block in first] == [9, 0]
    assert [len(block.pictures) for block in last] == [9, 9]
    assert last[1].title == f"{mode} from each maximum"
    hits = hits_of_unit(facts.scan, "branch/left", 1, 9)
    found = {}
    tracer = HitTracer(model, (mode,), "cpu")
    with_bar(visit(facts.scan, hits, lambda one: found.update({one.hit.rank: one}), tracer=tracer), quiet=True)
    for rank, hit in enumerate(hits):
        np.testing.assert_array_equal(last[0].pictures[rank], found[rank].pixels)
        np.testing.assert_array_equal(last[1].pictures[rank], back_colours(found[rank].back[mode], "BGR"))
        assert last[0].captions[rank] == last[1].captions[rank] == f"{hit.value:.2f}"


def test_an_older_toolbox_brings_its_own_pictures(make_model, tmp_path):
    place = tmp_path / "old" / "branch" / "left" / "unit_0001"
    place.mkdir(parents=True)
    for name, value in (("maxim_000", 10), ("maxim_001", 11), ("deconv_000", 20), ("opt_000_seed0", 30)):
        cv2.imwrite(str(place / f"{name}.png"), np.full((5, 5, 3), value, np.uint8))
    session = Session(Engine(make_model()), unit_pictures=open_unit_pictures(tmp_path / "old"))
    (made,) = contents(Sources(session))
    assert [block.title[:7] for block in made.blocks] == ["synthes", "maximal", "deconv "]
    assert all(block.title.endswith("(old)") for block in made.blocks)
    assert [[int(picture[0, 0, 0]) for picture in block.pictures] for block in made.blocks] == [[30], [10, 11], [20]]


def test_what_is_missing_is_said(make_model):
    sources = Sources(Session(Engine(make_model())))
    assert "deepvis scan" in contents(sources)[0].missing
    assert "no units of its own" in contents(sources, layer="pool1")[0].missing
