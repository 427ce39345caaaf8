"""Drawing a graph in layers: edges go down, nothing overlaps, few edges cross (Sugiyama, Tagawa, Toda 1981)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import block_array, csr_array, eye_array

Array = NDArray[np.float64]
GAP = (22.0, 30.0)  # between neighbours of a rank, and between ranks
_LANE = 10.0  # width that an edge takes where it passes a rank
_STRAIGHT, _FORK, _MIDDLE = 3.0, 0.2, 2.0  # weights of a link in a chain, of others, and of a node in its middle
_SWEEPS = 6  # over all ranks, for the order in them


@dataclass(frozen=True, eq=False)
class Layering:
    """Where everything is; y goes down.

    Parameters
    ----------
    boxes : (nodes, 4) left, top, width and height; none overlap.
    routes : of every edge (points, 2), x and y from below its source to above its target; y only grows.
    lines : (lines, 4) what is to be drawn of all routes, from x, y to x, y, the uppermost first. Edges of one source
        share most of their way, which is here once.
    """

    boxes: Array
    routes: tuple[Array, ...]
    lines: Array

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the whole."""
        ends = [self.boxes[:, :2] + self.boxes[:, 2:], *self.routes] if len(self.boxes) else [np.zeros((1, 2))]
        width, height = np.vstack(ends).max(0)
        return float(width), float(height)

    def transposed(self) -> Layering:
        """The same with x and y exchanged: edges go to the right."""
        swap = [1, 0, 3, 2]
        return Layering(self.boxes[:, swap], tuple(route[:, ::-1] for route in self.routes), self.lines[:, swap])


@dataclass(eq=False)
class _Points:
    """Nodes and, for every rank that an edge passes, a point of its own; edges of one source share them.

    Parameters
    ----------
    rank : of every point.
    width : of every point.
    links : pairs of points in neighbouring ranks, (upper, lower).
    nodes : the first so many points are the nodes.
    paths : of every edge its points, source and target included.
    """

    rank: list[int]
    width: list[float]
    links: list[tuple[int, int]]
    nodes: int
    paths: list[list[int]]


def lay_out(sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]]) -> Layering:
    """Lay a graph out; the same graph gives the same picture.

    Parameters
    ----------
    sizes : width and height of every node.
    edges : (source, target) by number of the node, ``source < target``: the nodes are in topological order.
    """
    if not sizes:
        return Layering(np.empty((0, 4)), (), np.empty((0, 4)))
    points = _with_lanes(_ranks(len(sizes), edges), sizes, edges)
    rows = _ordered(points)
    x = _placed(points, rows)
    x -= min(x[point] - points.width[point] / 2 for point in range(len(x)))
    heights = [max(sizes[point][1] for point in row if point < points.nodes) for row in rows]
    tops = np.concatenate([[0.0], np.cumsum(np.array(heights) + GAP[1])])[:-1]
    boxes = np.array(
        [(x[n] - width / 2, tops[points.rank[n]], width, height) for n, (width, height) in enumerate(sizes)]
    )
    routes = tuple(_route(path, points, x, tops, heights, boxes) for path in points.paths)
    return Layering(boxes, routes, _lines(routes))


def _ranks(nodes: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Length of the longest way to every node; what nothing leads to stands right above its first reader."""
    rank, has_source = [0] * nodes, [False] * nodes
    first: dict[int, int] = {}
    for source, target in sorted(edges, key=lambda edge: edge[1]):
        rank[target] = max(rank[target], rank[source] + 1)
        has_source[target] = True
    for source, target in edges:
        first[source] = min(first.get(source, rank[target]), rank[target])
    return [rank[node] if has_source[node] or node not in first else first[node] - 1 for node in range(nodes)]


def _with_lanes(rank: list[int], sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]]) -> _Points:
    points = _Points(rank, [width for width, _ in sizes], [], len(sizes), [])
    lanes: dict[int, list[int]] = {}
    for source, target in edges:
        path = lanes.setdefault(source, [source])
        while points.rank[path[-1]] < points.rank[target] - 1:
            points.links.append((path[-1], len(points.rank)))
            points.rank.append(points.rank[path[-1]] + 1)
            points.width.append(_LANE)
            path.append(len(points.rank) - 1)
        taken = path[: points.rank[target] - points.rank[source]]
        points.links.append((taken[-1], target))
        points.paths.append([*taken, target])
    return points


def _neighbours(points: _Points) -> tuple[list[list[int]], list[list[int]]]:
    above: list[list[int]] = [[] for _ in points.rank]
    below: list[list[int]] = [[] for _ in points.rank]
    for upper, lower in points.links:
        above[lower].append(upper)
        below[upper].append(lower)
    return above, below


def _ordered(points: _Points) -> list[list[int]]:
    """Points of every rank from left to right: of several sweeps by barycentre, the one with the fewest crossings."""
    rows: list[list[int]] = [[] for _ in range(max(points.rank) + 1)]
    for point, rank in enumerate(points.rank):
        rows[rank].append(point)
    above, below = _neighbours(points)
    best, fewest = [list(row) for row in rows], _crossings(points, rows)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        place = {point: number for row in rows for number, point in enumerate(row)}
        for row in rows if down else reversed(rows):
            around = {point: (above if down else below)[point] for point in row}
            keys = {p: np.mean([place[q] for q in around[p]]) if around[p] else place[p] for p in row}
            row.sort(key=lambda point: (keys[point], place[point]))
            place.update((point, number) for number, point in enumerate(row))
        crossings = _crossings(points, rows)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _crossings(points: _Points, rows: list[list[int]]) -> int:
    """How often links cross."""
    place = np.empty(len(points.rank), np.int64)
    for row in rows:
        place[row] = np.arange(len(row))
    links = np.array(points.links, np.int64).reshape(-1, 2)
    ranks = np.array(points.rank)[links[:, 0]]
    total = 0
    for rank in range(len(rows) - 1):
        upper, lower = place[links[ranks == rank]].T
        if len(upper) > 1:
            total += int(((upper[:, None] < upper) & (lower[:, None] > lower)).sum())
    return total


def _placed(points: _Points, rows: list[list[int]]) -> Array:
    """Middle of every point: lines as straight, and nodes as much in the middle of their neighbours, as widths allow.

    A linear programme: the least sum of weighted absolute distances, where neighbours in a rank keep their order and a
    gap (Gansner, Koutsofios, North, Vo 1993, "A technique for drawing directed graphs", section 4).
    """
    distances, weights = _distances(points)
    pairs = [pair for row in rows for pair in pairwise(row)]
    apart = np.array([(points.width[left] + points.width[right]) / 2 + GAP[0] for left, right in pairs])
    order = _rows_of(len(points.rank), [{left: 1.0, right: -1.0} for left, right in pairs])
    slack = eye_array(len(weights))
    found = linprog(
        np.concatenate([np.zeros(len(points.rank)), weights]),
        block_array([[distances, -slack], [-distances, -slack], [order, None]], format="csr"),
        np.concatenate([np.zeros(2 * len(weights)), -apart]),
        bounds=(0, None),
        method="highs",
    )
    return found.x[: len(points.rank)]


def _distances(points: _Points) -> tuple[csr_array, Array]:
    """What should be near zero: rows of coefficients of the middles, and the weight of each.

    Those are every link, and from every node the mean of what is above it, and of what is below. Where that is one node
    and lanes, the lanes do not count, so that a chain of layers stays straight beside an edge that passes it.
    """
    above, below = _neighbours(points)
    terms, weights = [], []
    for upper, lower in points.links:
        terms.append({upper: 1.0, lower: -1.0})
        weights.append(_STRAIGHT if len(below[upper]) == len(above[lower]) == 1 else _FORK)
    for around in (above, below):
        for node in range(points.nodes):
            nodes = [other for other in around[node] if other < points.nodes]
            near = nodes if len(nodes) == 1 else around[node]
            if len(around[node]) > 1:
                terms.append({node: 1.0} | {other: -1.0 / len(near) for other in near})
                weights.append(_MIDDLE)
    return _rows_of(len(points.rank), terms), np.array(weights)


def _rows_of(columns: int, rows: list[dict[int, float]]) -> csr_array:
    """A sparse matrix of rows that are given as value by column."""
    place = [number for number, row in enumerate(rows) for _ in row]
    return csr_array(
        ([value for row in rows for value in row.values()], (place, [column for row in rows for column in row])),
        shape=(len(rows), columns),
    )


def _route(path: list[int], points: _Points, x: Array, tops: Array, heights: list[float], boxes: Array) -> Array:
    source, *lanes, target = path
    below, end = boxes[source, 1] + boxes[source, 3], tops[points.rank[source]] + heights[points.rank[source]]
    way = [(x[source], below)] if below == end else [(x[source], below), (x[source], end)]
    for lane in lanes:
        top = tops[points.rank[lane]]
        way += [(x[lane], top), (x[lane], top + heights[points.rank[lane]])]
    return np.array([*way, (x[target], boxes[target, 1])])


def _lines(routes: Sequence[Array]) -> Array:
    """Every line of the routes once, by height."""
    if not routes:
        return np.empty((0, 4))
    upper, lower = (np.concatenate([route[part, ::-1] for route in routes]) for part in (slice(-1), slice(1, None)))
    return np.unique(np.hstack([upper, lower]), axis=0)[:, [1, 0, 3, 2]]
