"""Laying out graphs: nothing overlaps, edges go down, and lines keep away from the nodes they pass."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepvis.netgraph.layered import GAP, lay_out


@st.composite
def graphs(draw):
    count = draw(st.integers(1, 14))
    sizes = draw(st.lists(st.tuples(st.integers(10, 90), st.integers(8, 40)), min_size=count, max_size=count))
    edges = draw(st.sets(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=24))
    return sizes, sorted((a, b) for a, b in edges if a < b)


def check(sizes, edges, found):
    boxes = found.boxes
    np.testing.assert_array_equal(boxes[:, 2:], np.array(sizes, float))
    for one in range(len(boxes)):
        for other in range(one):
            (x, y, w, h), (u, v, s, t) = boxes[one], boxes[other]
            beside = x >= u + s + GAP[0] - 1e-6 or u >= x + w + GAP[0] - 1e-6
            below = y >= v + t + GAP[1] - 1e-6 or v >= y + h + GAP[1] - 1e-6
            assert beside or below, (one, other)
    assert len(found.routes) == len(edges)
    for (source, target), route in zip(edges, found.routes, strict=True):
        assert (np.diff(route[:, 1]) > 0).all(), "an edge goes up"
        x, y, w, h = boxes[source]
        np.testing.assert_allclose(route[0], (x + w / 2, y + h))
        x, y, w, h = boxes[target]
        np.testing.assert_allclose(route[-1], (x + w / 2, y))
        for start, end in pairwise(route):
            for share in np.linspace(0.02, 0.98, 25):
                px, py = start + share * (end - start)
                hit = (
                    (boxes[:, 0] < px)
                    & (px < boxes[:, :3:2].sum(1))
                    & (boxes[:, 1] < py)
                    & (py < boxes[:, 1::2].sum(1))
                )
                assert not hit.any(), f"the edge {source}-{target} crosses node {np.flatnonzero(hit)}"
    drawn = {tuple(line) for line in found.lines}
    assert len(drawn) == len(found.lines)
    assert drawn == {(*start, *end) for route in found.routes for start, end in pairwise(route)}
    width, height = found.size
    assert boxes[:, 0].min() >= 0
    assert boxes[:, 1].min() >= 0
    assert (boxes[:, 0] + boxes[:, 2]).max() <= width + 1e-6
    assert (boxes[:, 1] + boxes[:, 3]).max() <= height + 1e-6


@given(graphs())
@settings(deadline=None, max_examples=60)
def test_any_graph(graph):
    sizes, edges = graph
    found = lay_out(sizes, edges)
    check(sizes, edges, found)
    again = lay_out(sizes, edges)
    np.testing.assert_array_equal(found.boxes, again.boxes)


def test_a_chain_is_straight_beside_its_shortcut():
    sizes = [(80, 30), (120, 40), (60, 40), (100, 30)]
    found = lay_out(sizes, [(0, 1), (1, 2), (0, 3), (2, 3)])
    middles = found.boxes[:, 0] + found.boxes[:, 2] / 2
    np.testing.assert_allclose(middles, middles[0])
    lane = found.routes[2]
    assert len({*lane[1:-1, 0]} - {middles[0]}) == 1, "the shortcut is one straight line"


def test_four_branches_stand_around_the_middle():
    sizes = [(80, 30)] * 6
    found = lay_out(sizes, [(0, branch) for branch in range(1, 5)] + [(branch, 5) for branch in range(1, 5)])
    middles = found.boxes[:, 0] + 40
    np.testing.assert_allclose(sorted(np.diff(np.sort(middles[1:5]))), [102] * 3)
    np.testing.assert_allclose(middles[[0, 5]], middles[1:5].mean())


def test_crossings_that_can_be_avoided_are():
    found = lay_out([(50, 20)] * 6, [(0, 5), (1, 4), (2, 3)])
    middles = found.boxes[:, 0]
    assert ((middles[:3] < middles[:3, None]) == (middles[[5, 4, 3]] < middles[[5, 4, 3], None])).all()


def test_what_nothing_leads_to_stands_above_its_reader():
    found = lay_out([(50, 20)] * 5, [(0, 1), (1, 2), (2, 4), (3, 4)])
    assert found.boxes[3, 1] == found.boxes[2, 1]


def test_exchanged():
    found = lay_out([(50, 20), (30, 10)], [(0, 1)])
    turned = found.transposed()
    assert turned.size == found.size[::-1]
    assert (np.diff(turned.routes[0][:, 0]) > 0).all()
    np.testing.assert_array_equal(turned.boxes[:, 2:], [(20, 50), (10, 30)])


@pytest.mark.parametrize("edges", [[]])
def test_nothing(edges):
    assert lay_out([], edges).size == (0, 0)
