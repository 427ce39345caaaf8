"""The fixed scale of a layer grows with what is seen, for one engine."""

import pytest

from deepvis.controllers.ranges import Ranges
from deepvis.engines.engine import Engine
from prototxt.net.graph import Value

CONV, FC = Value("conv1"), Value("fc")


def test_ranges_grow_and_begin_anew_with_another_engine(make_model):
    ranges, engine = Ranges(), Engine(make_model())
    assert ranges.get(CONV) is None
    with pytest.raises(KeyError):
        ranges[CONV]
    ranges.see(engine, {CONV: (0.0, 2.0)})
    ranges.see(engine, {CONV: (-1.0, 1.0), FC: (3.0, 4.0)})
    assert (ranges[CONV], ranges[FC]) == ((-1.0, 2.0), (3.0, 4.0))
    ranges.see(Engine(make_model()), {CONV: (0.5, 0.75)})
    assert (ranges[CONV], ranges.get(FC)) == ((0.5, 0.75), None)
    ranges.forget()
    assert ranges.get(CONV) is None
