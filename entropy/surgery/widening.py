"""New filters beside the frozen ones, layer by layer: they read old and new ones, the old ones never read them.

As in progressive networks (Rusu et al. 2016), but filter by filter inside one net, and only where it is wanted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from entropy.errors import SurgeryError
from entropy.surgery.choosing import filter_counts
from entropy.surgery.extended import Additions, Extended, OldNet, extend, open_old
from entropy.surgery.heads import TaskHead, place_wide_head, read_by_classifier
from entropy.surgery.older_parts import check_suffix, older_parts
from entropy.surgery.wide_layers import WideLayers
from prototxt.formats.schema import FillerParameter, NetParameter
from prototxt.formats.weights import Weights
from prototxt.net.graph import Value


def widen(
    net: NetParameter,
    weights: Weights,
    filters: Mapping[str, int | float],
    head: TaskHead,
    *,
    copies: Mapping[str, Sequence[int]] | None = None,
    extra: Literal["filler", "zero"] = "filler",
    filler: FillerParameter | None = None,
    suffix: str = "_new",
    seed: int = 0,
) -> Extended:
    """Give the new task filters of its own in some layers.

    A widened ``conv5`` gets a neighbour ``conv5_new``, a Convolution on the Concat of all that stands before it: the
    old filters that conv5 reads, those of tasks in between, and this task's own, where the layer below is widened too.
    Groups do not bind it. What follows conv5 channel by channel (BatchNorm, Scale, an activation, pooling, dropout)
    follows conv5_new as well; so do Eltwise, where all summands have equally many new filters, and Concat. LRN across
    channels is computed for the new filters over the Concat of the old ones and the new ones, in this order, and cut: a
    new filter is normalised by old and new neighbours; the old path keeps its own LRN, where the last old channels have
    no new neighbours.

    Parameters
    ----------
    net, weights : the old deploy net; it may be the result of another surgery, whose new filters are old ones now.
    filters : layer (Convolution or InnerProduct) to how many filters it gets: a number, or a share of those it has.
    head : its blobs are read together with the new filters of the same place, and with those of tasks in between. By
        default it reads every place where new filters end (``pool5``), and what the old classifier reads (``fc7``).
    copies : layer to the old filters that its new ones start as, one for each (`entropy.surgery.choosing`); the others
        start from a filler. Copied BatchNorm, Scale and PReLU rows go with them; others start as 0, 1 and the filler's.
    extra : what the weights of copies are at first on inputs that the old filter has not. With "zero" copies compute at
        first what the old filters do, and new filters of a lower layer that only copies read begin to learn at the
        second iteration, when these weights have moved.
    filler : of new filters; by default the layer's own, or xavier where it has none.
    suffix : ``conv5_new``.
    seed : of the fillers.

    Raises
    ------
    SurgeryError : new filters would be read by nothing, a layer cannot be widened, or ``copies`` do not fit.
    NetError : there is no such layer or blob, or the weights are not the net's.
    """
    check_suffix(suffix)
    old, added = open_old(net, weights), Additions()
    counts = filter_counts(old.graph, filters)
    wide = WideLayers(old, added, suffix, counts, dict(copies or {}), extra, filler, seed)
    wide.add()
    places = [old.graph.value(blob) for blob in head.on] or _ends(old, wide)
    reads = []
    for value in places:
        reads += [value.blob, *(part.blob for part in older_parts(old, value))]
        reads += [wide.read(value)] if value in wide.parts else []
    _refuse_unread(old, wide)
    output = place_wide_head(old, added, head, reads)
    return extend(old, added, output, seed)


def _ends(old: OldNet, wide: WideLayers) -> list[Value]:
    """The places that a head must read, and what the old classifier reads."""
    ends = [value for value in wide.unread() if value == old.graph.value(value.blob)]
    return list(dict.fromkeys([*ends, old.graph.value(read_by_classifier(old))]))


def _refuse_unread(old: OldNet, wide: WideLayers) -> None:
    for value in wide.unread():
        part = wide.parts[value]
        readers = old.graph.consumers(value)
        behind = f" ({readers[0]} follows, through which they do not go)" if readers else ""
        raise SurgeryError(
            f"the new filters of layer {part.layer!r} are read by nothing behind {value.blob!r}{behind}: widen a layer "
            f"that reads {value.blob!r} too, or let the head read it"
        )
