"""A net that was written otherwise, and where its values are now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from prototxt.formats.schema import NetParameter
from prototxt.formats.weights import Weights

Top = tuple[str, int]
"""A layer's name and the index of one of its tops."""


@dataclass(frozen=True, eq=False)
class Rewritten:
    """A net that computes what another does.

    Parameters
    ----------
    net, weights : the new ones; the old ones are left as they were.
    moved : where a value is made now that a top of the old net held just after its layer had run; None where no layer
        makes it any more. Tops that are not named are where they were.
    blobs : new names of blobs that are called otherwise now.
    notes : what could not be rewritten, a sentence each.
    """

    net: NetParameter
    weights: Weights
    moved: Mapping[Top, Top | None] = field(default_factory=dict)
    blobs: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def without_layers(net: NetParameter, names: Mapping[str, int]) -> tuple[NetParameter, dict[str, str]]:
    """Leave layers out that hand a bottom on as their top.

    Parameters
    ----------
    names : which bottom each layer hands on, by the layer's name.

    Returns
    -------
    net : a new one, in which the readers of a left-out layer's top read that bottom.
    blobs : the blob that is read now by the blob that was.
    """
    blobs: dict[str, str] = {}
    kept = NetParameter()
    kept.CopyFrom(net)
    del kept.layer[:]
    for layer in net.layer:
        bottoms = [blobs.get(bottom, bottom) for bottom in layer.bottom]
        tops = [blobs.get(top, top) for top in layer.top]
        if layer.name in names:
            blobs |= {tops[0]: bottoms[names[layer.name]]} if tops[0] != bottoms[names[layer.name]] else {}
            continue
        new = kept.layer.add()
        new.CopyFrom(layer)
        new.bottom[:], new.top[:] = bottoms, tops
    return kept, blobs
