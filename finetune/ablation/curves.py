"""Accuracy against the share of silenced filters, for every measure and scope; what is computed stays computed."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from entropy.measuring.table import Table
from finetune.ablation.order import RANDOM, first_of, first_of_each, order_of
from finetune.ablation.silencing import SilencedNet
from prototxt.common.progress import Progress

WHOLE = "whole net"
EACH = "each layer alike"
"""Scopes that are no layer: the share is of all filters together, or of the filters of each layer."""


@dataclass(frozen=True)
class Curve:
    """One curve.

    Parameters
    ----------
    measure : what orders the filters.
    scope : `WHOLE`, `EACH`, or the name of a layer.
    seed : of a random order.
    shares : of the silenced filters in scope.
    accuracy : top-1, in [0, 1], with so many silenced.
    """

    measure: str
    scope: str
    seed: int
    shares: tuple[float, ...]
    accuracy: tuple[float, ...]

    @property
    def kept(self) -> float:
        """Mean accuracy over the shares: the area under the curve, for shares that are evenly spaced."""
        return float(np.mean(self.accuracy))

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it from the others of a net."""
        return self.measure, self.scope, self.seed


@dataclass(frozen=True)
class Ablation:
    """What is to be computed of one net.

    Parameters
    ----------
    measures : names for `finetune.ablation.order.order_of`.
    random : random orders, with seeds 0, 1, …
    shares : of silenced filters, in (0, 1].
    scopes : see `Curve`; layers by name.
    """

    measures: Sequence[str]
    random: int
    shares: Sequence[float]
    scopes: Sequence[str]

    def curves(self) -> Iterator[tuple[str, str, int]]:
        """Measure, scope and seed of every curve; a scope after the other, so that what lies below runs once."""
        for scope in self.scopes:
            yield from ((measure, scope, 0) for measure in self.measures)
            yield from ((RANDOM, scope, seed) for seed in range(self.random))


def computing_curves(
    ablation: Ablation, net: SilencedNet, labels: np.ndarray, table: Table, out: Path
) -> Generator[Progress, None, list[Curve]]:
    """Compute the curves that ``out`` does not hold yet, and write each as it is done.

    Parameters
    ----------
    net : of the test images.
    labels : (N,) their classes.
    table : of the filters, measured on other images.
    out : a file with a line of JSON for every curve; after a stop, work goes on behind its last whole line.
    """
    weights = net.model.net, net.model.weights
    wanted = list(ablation.curves())
    shares = tuple(float(share) for share in ablation.shares)
    done = {curve.key: curve for curve in read_curves(out) if curve.shares == shares}
    what = f"silence filters: curves of {net.model.name}"
    yield Progress(len(done.keys() & set(wanted)), len(wanted), what)
    out.parent.mkdir(parents=True, exist_ok=True)
    cut_off = out.is_file() and not out.read_bytes().endswith(b"\n")  # by a stop in the middle of a line
    with out.open("a", encoding="utf-8") as file:
        file.write("\n" if cut_off else "")
        for number, (measure, scope, seed) in enumerate(wanted, 1):
            if (measure, scope, seed) not in done:
                order = order_of(table, measure, weights, seed)
                accuracy = tuple(_accuracy(net, labels, table, order, share, scope) for share in shares)
                curve = done[measure, scope, seed] = Curve(measure, scope, seed, shares, accuracy)
                file.write(json.dumps(asdict(curve)) + "\n")
                file.flush()
            yield Progress(number, len(wanted), what)
    return [done[key] for key in wanted]


def read_curves(file: Path) -> list[Curve]:
    """Read what `computing_curves` wrote; a last line that was cut off by a stop is left out."""
    found = []
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
        try:
            fields = json.loads(line)
        except ValueError:
            continue
        found.append(Curve(**{**fields, "shares": tuple(fields["shares"]), "accuracy": tuple(fields["accuracy"])}))
    return found


def _accuracy(net: SilencedNet, labels: np.ndarray, table: Table, order: np.ndarray, share: float, scope: str) -> float:
    if scope == EACH:
        silent = first_of_each(table, order, share)
    else:
        silent = first_of(table, order, share, None if scope == WHOLE else scope)
    scores = net.scores(silent).reshape(len(labels), -1)
    return float((scores.argmax(1) == labels).mean())
