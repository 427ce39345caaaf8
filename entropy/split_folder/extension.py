"""How a new task is put into the old net or beside it: what a user asks for, and the surgery that does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from entropy.errors import PlanError
from entropy.measuring.measures import MeasureName
from entropy.measuring.table_files import read_table
from entropy.surgery.adapters import add_adapters
from entropy.surgery.choosing import choose_filters, filter_counts
from entropy.surgery.extended import Extended
from entropy.surgery.freeing import free_filters
from entropy.surgery.heads import TaskHead, add_head
from entropy.surgery.own_layers import add_own_layers
from entropy.surgery.widening import widen
from prototxt.formats.schema import NetParameter
from prototxt.formats.weights import Weights, weights_hash
from prototxt.net.graph import NetGraph
from prototxt.split.layouts import unit_count

Numbers = Mapping[str, int | float]
Filters = Mapping[str, int | float | Sequence[int]]


@dataclass(frozen=True)
class Extension:
    """A new task in the old net or beside it; the old net keeps its own head, and what it does is not forgotten.

    At most one of the four: ``own_layers``, ``widen``, ``free``, ``adapt``. Without any the new task has a head only.

    Parameters
    ----------
    head_on : old blobs that the new head reads, such as ``("pool5", "fc7")``; where the new task has its own copy of
        one, it reads the copy. By default what the old classifier reads, and where new or freed filters end.
    head_dropout : share of the head's inputs that is dropped in training.
    own_layers : layers of which the new task gets copies to learn.
    widen : layer to a number or a share (a float) of new filters beside its own.
    free : layer to a number or a share of its filters that are taken from the old task, those with the lowest score; or
        to these filters, as indices.
    free_hash : hash of the weights that ``free`` was chosen for; empty for any.
    adapt : layers behind whose filters the new task learns a factor and an offset.
    table : file of the table that `entropy.measure` made, by which filters are chosen.
    choose_by : the score: a measure of `entropy.measuring.measures.MEASURES`; ``random`` needs no table.
    choose_highest : take the filters with the highest scores, not with the lowest.
    copies : new filters (``widen``) start as copies of chosen old ones, not from a filler.
    extra : weights of copies on filters that the old ones do not read: from the "filler" or "zero".
    fresh : freed filters start from a filler, not as they are.
    suffix : what names of new layers end with.
    preserve : "exact": refuse whatever would change the old net.
    """

    head_on: tuple[str, ...] = ()
    head_dropout: float = 0.0
    own_layers: tuple[str, ...] = ()
    widen: Numbers = field(default_factory=dict)
    free: Filters = field(default_factory=dict)
    free_hash: str = ""
    adapt: tuple[str, ...] = ()
    table: Path | str | None = None
    choose_by: MeasureName = "entropy"
    choose_highest: bool = False
    copies: bool = False
    extra: Literal["filler", "zero"] = "filler"
    fresh: bool = False
    suffix: str = "_new"
    preserve: Literal["exact"] | None = None

    def __post_init__(self) -> None:
        if len(self.ways) > 1:
            allowed, given = " or ".join(map(_flag, _SURGERIES)), " and ".join(map(_flag, self.ways))
            raise PlanError(f"the new task gets either {allowed}; got {given}")
        if self.preserve and self.free:
            raise PlanError(
                "freeing filters changes the old net once, since what reads them is cut; leave out --free or "
                "--preserve exact"
            )
        if self.copies and not self.widen:
            raise PlanError("copies are new filters' (--copies); give --widen too")
        if self.fresh and not self.free:
            raise PlanError("freed filters can start anew (--fresh); give --free too")

    @property
    def ways(self) -> list[str]:
        """Names of those of the four that are wanted."""
        return [name for name in _SURGERIES if getattr(self, name)]


@dataclass(frozen=True)
class OldModel:
    """What is extended: a deploy net, its weights, and the file that they are in."""

    net: NetParameter
    weights: Weights
    path: Path | str
    seed: int = 0


def extend_model(old: OldModel, extension: Extension, head: TaskHead) -> Extended:
    """Do the surgery that an extension asks for.

    Raises
    ------
    SurgeryError, PlanError, NetError : it cannot be done; says why.
    """
    ways = extension.ways
    if not ways:
        return add_head(old.net, old.weights, head, seed=old.seed)
    return _SURGERIES[ways[0]](old, extension, head)


def _own_layers(old: OldModel, extension: Extension, head: TaskHead) -> Extended:
    return add_own_layers(
        old.net, old.weights, extension.own_layers, head, suffix=extension.suffix, seed=old.seed
    )  # fmt: skip


def _widened(old: OldModel, extension: Extension, head: TaskHead) -> Extended:
    counts = filter_counts(NetGraph(old.net), extension.widen)
    return widen(
        old.net,
        old.weights,
        counts,
        head,
        copies=_chosen(old, extension, counts) if extension.copies else None,
        extra=extension.extra,
        suffix=extension.suffix,
        seed=old.seed,
    )


def _freed(old: OldModel, extension: Extension, head: TaskHead) -> Extended:
    chosen = chosen_filters(old, extension)
    return free_filters(old.net, old.weights, chosen, head, fresh=extension.fresh, seed=old.seed)


def chosen_filters(old: OldModel, extension: Extension) -> dict[str, tuple[int, ...]]:
    """The filters that an extension takes from the old task.

    Raises
    ------
    PlanError, SurgeryError, NetError : they were chosen for other weights, or nothing says which they are.
    """
    if extension.free_hash and extension.free_hash != weights_hash(old.weights):
        raise PlanError(
            f"{old.path}: are other weights than those that were repaired to do without the filters; give the "
            "repaired.caffemodel beside the freed.json"
        )
    named = {name: tuple(each) for name, each in extension.free.items() if not isinstance(each, int | float)}
    wanted = {name: each for name, each in extension.free.items() if isinstance(each, int | float)}
    return (_chosen(old, extension, filter_counts(NetGraph(old.net), wanted)) if wanted else {}) | named


def _adapted(old: OldModel, extension: Extension, head: TaskHead) -> Extended:
    return add_adapters(old.net, old.weights, extension.adapt, head, suffix=extension.suffix, seed=old.seed)


_SURGERIES: dict[str, Callable[[OldModel, Extension, TaskHead], Extended]] = {
    "own_layers": _own_layers,
    "widen": _widened,
    "free": _freed,
    "adapt": _adapted,
}


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _chosen(old: OldModel, extension: Extension, counts: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    by, highest = extension.choose_by, extension.choose_highest
    if extension.table is not None:
        table = read_table(extension.table)
        if table.provenance.model_hash not in ("", weights_hash(old.weights)):
            raise PlanError(f"{extension.table}: was measured with other weights than {old.path}; measure these")
        return choose_filters(table, counts, by, highest=highest, seed=old.seed, weights=old.path)
    if by != "random":
        raise PlanError(
            f"which filters have the {'highest' if highest else 'lowest'} {by} is in a table: give the one that "
            "entropy measure wrote (--table), or choose at random (--choose-by random)"
        )
    return _at_random(old, counts)


def _at_random(old: OldModel, counts: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    rng, layers = np.random.default_rng(old.seed), {layer.name: layer for layer in old.net.layer}
    chosen = {}
    for name, count in counts.items():
        units = unit_count(layers[name])
        if count > units:
            raise PlanError(f"layer {name!r}: {count} filters are wanted, and it has {units}; take fewer")
        chosen[name] = tuple(sorted(rng.choice(units, count, replace=False).tolist()))
    return chosen
