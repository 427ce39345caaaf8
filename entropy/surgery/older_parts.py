"""What earlier tasks have put beside a blob: filters of the same place that later tasks may read."""

from __future__ import annotations

from entropy.errors import SurgeryError
from entropy.surgery.extended import OldNet
from prototxt.net.graph import NetGraph, Node, Value


def check_suffix(suffix: str) -> None:
    """Refuse a suffix by which a later task would not find this one's layers.

    Raises
    ------
    SurgeryError : it does not start with an underscore, or is nothing else.
    """
    if len(suffix) < 2 or not suffix.startswith("_"):
        raise SurgeryError(f"a suffix of new layers is an underscore and a word, such as '_new'; got {suffix!r}")


def older_parts(old: OldNet, value: Value) -> tuple[Value, ...]:
    """Find the blobs that hold earlier tasks' filters for the place of an old blob.

    A part of ``pool5`` is the top of ``pool5_new``, where some ``conv5_new`` reads what ``conv5`` reads, alone or first
    in a Concat, as `entropy.surgery.widening.widen` and `entropy.surgery.own_layers.add_own_layers` make it.

    Parameters
    ----------
    value : an old blob in its last version.
    """
    producer, found = old.graph.producer(value), []
    names = {node.name for node in old.graph.layers}
    for suffix in _suffixes(old.graph):
        if producer.name + suffix in names:
            part = old.graph.node(producer.name + suffix).tops[-1]
            if _fit(old.shapes.values[part], old.shapes.values[value]):
                found.append(part)
    return tuple(found)


def _suffixes(graph: NetGraph) -> tuple[str, ...]:
    units = graph.unit_layers()
    found: dict[str, None] = {}
    for layer in units:
        for other in units:
            suffix = other.name.removeprefix(layer.name)
            if suffix != other.name and suffix.startswith("_") and _reads_as(graph, other, layer):
                found[suffix] = None
    return tuple(found)


def _reads_as(graph: NetGraph, new: Node, old: Node) -> bool:
    bottom = new.bottoms[0]
    source = graph.producer(bottom)
    first = source.bottoms[0] if source.type == "Concat" else bottom
    return new.type == old.type and old.bottoms[0] in (bottom, first)


def _fit(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether two blobs can be concatenated along their channels."""
    return len(one) == len(other) > 1 and (one[0], *one[2:]) == (other[0], *other[2:])
