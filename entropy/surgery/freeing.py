"""Filters of the old net are taken from the old task and given to the new one; the others stay as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np

from entropy.errors import SurgeryError
from entropy.surgery.extended import Additions, Extended, OldNet, Rates, extend, open_old
from entropy.surgery.freed_channels import FreedChannels, Mask, filter_masks
from entropy.surgery.heads import TaskHead, place_head, read_by_classifier
from entropy.surgery.paths import with_companions
from entropy.surgery.starting import living
from prototxt.formats.schema import FillerParameter, NetParameter
from prototxt.formats.weights import Weights
from prototxt.net.graph import Node
from prototxt.split.layouts import filter_rows


@dataclass(frozen=True, eq=False)
class Freed(Extended):
    """An extended net some of whose old filters learn the new task.

    Its ``weights`` are the old ones but for those that were cut to zero, which changes the old outputs once; they are
    the same to the bit from then on, whatever the freed filters learn.

    Parameters
    ----------
    freed : layer to the filters that are free.
    cut : layer that reads them to how many of its weights were cut to zero and had not been zero before. Where all are
        0 (the net was repaired before, see `entropy.surgery.repairing.prepare_repair`), the old outputs do not change.
    """

    freed: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    cut: Mapping[str, int] = field(default_factory=dict)


def free_filters(
    net: NetParameter,
    weights: Weights,
    filters: Mapping[str, Sequence[int]],
    head: TaskHead,
    *,
    fresh: bool = False,
    filler: FillerParameter | None = None,
    seed: int = 0,
) -> Freed:
    """Free filters of an old net for a new task.

    What the other filters and the fully connected layers read from the freed ones is cut to zero, once. From then on
    the freed filters may learn, with all else frozen, and the old outputs stay as they are: a weight of zero belongs to
    a filter with rate 0, so it stays zero, and times any activation it gives 0. Freed filters read whatever their layer
    reads, freed ones below included.

    Parameters
    ----------
    net, weights : the old deploy net.
    filters : layer (Convolution or InnerProduct) to the filters that become free (`entropy.surgery.choosing`).
    head : by default it reads every place where freed filters end (``pool5``), and what the old classifier reads.
    fresh : freed filters start anew, by the layer's filler (xavier where it has none, or ``filler``), BatchNorm and
        Scale behind them at 0 and 1; otherwise they start as they are.
    seed : of the fillers.

    Returns
    -------
    Freed : in ``rates`` layers with freed filters have a rate for each filter, and so have Scale, Bias and PReLU layers
        behind them.

    Raises
    ------
    SurgeryError : a layer such as LRN across channels lets freed filters change what others do; freed filters would be
        read by nothing; the filters named are not there.
    NetError : there is no such layer or blob, or the weights are not the net's.
    """
    old, added = open_old(net, weights), Additions()
    masks = filter_masks(old, filters)
    channels = FreedChannels(old, masks)
    cut_weights, cut = cut_from_others(old, channels)
    if fresh:
        cut_weights |= _started_anew(old, channels, cut_weights, filler, seed)
    cut_net = OldNet(old.net, cut_weights, old.graph, old.shapes, old.notes)
    output = place_head(cut_net, added, _on_freed(old, channels, head))
    extended = extend(cut_net, added, output, seed)
    freed = {name: tuple(np.flatnonzero(mask).tolist()) for name, mask in masks.items()}
    return Freed(
        **{each.name: getattr(extended, each.name) for each in fields(Extended)}
        | {"rates": dict(extended.rates) | free_rates(old, masks), "notes": extended.notes + _notes(freed, cut)},
        freed=freed,
        cut=cut,
    )


def cut_from_others(old: OldNet, channels: FreedChannels) -> tuple[Weights, dict[str, int]]:
    """Cut to zero what filters that stay read from freed ones.

    Returns
    -------
    All weights of the net, the changed blobs copied; and how many weights of each reading layer were not zero.
    """
    weights, cut = dict(old.weights), {}
    for node in channels.readers:
        blobs = [blob.copy() for blob in weights[node.name]]
        rows = filter_rows(node.layer, blobs)[0]
        reads = _columns(node, channels.channels[node.bottoms[0]], rows.shape)
        staying = ~channels.freed.get(node.name, np.zeros(len(rows), bool))
        reads &= staying.reshape(-1, *[1] * (rows.ndim - 1))
        cut[node.name] = int(np.count_nonzero(rows[reads]))
        rows[reads] = 0
        weights[node.name] = blobs
    return weights, cut


def free_rates(old: OldNet, masks: Mapping[str, Mask]) -> dict[str, Rates]:
    """A rate of 1 for freed filters and of 0 for the others of their layer, and the same for what belongs to them."""
    rates: dict[str, Rates] = {}
    for name, mask in masks.items():
        for layer in with_companions(old, old.graph.node(name)):
            if old.graph.node(layer).type != "BatchNorm" and layer in old.weights:
                rates[layer] = mask.astype(float)
    return rates


def _columns(node: Node, read: Mask, shape: tuple[int, ...]) -> Mask:
    """Which weights of a layer read freed channels, in the shape of its rows."""
    if node.type == "InnerProduct":
        return np.broadcast_to(np.repeat(read, shape[1] // len(read)), shape).copy()
    groups = node.layer.convolution_param.group
    of_groups = np.repeat(read.reshape(groups, -1), shape[0] // groups, axis=0)
    return np.broadcast_to(of_groups.reshape(*shape[:2], *[1] * (len(shape) - 2)), shape).copy()


def _on_freed(old: OldNet, channels: FreedChannels, head: TaskHead) -> TaskHead:
    """The head on all places where freed filters end."""
    ends = [value.blob for value in channels.unread() if value == old.graph.value(value.blob)]
    on = head.on or tuple(dict.fromkeys([*ends, read_by_classifier(old)]))
    for blob in on:
        old.graph.value(blob)
    for value in channels.unread():
        if value.blob not in on:
            raise SurgeryError(
                f"freed filters would be read by nothing behind {value.blob!r}: free filters of a layer that reads "
                f"{value.blob!r} too, or let the head read it"
            )
    return replace(head, on=on)


def _started_anew(
    old: OldNet, channels: FreedChannels, weights: Weights, filler: FillerParameter | None, seed: int
) -> Weights:
    """Rows of freed filters as their filler gives them; what follows them per channel as if there were nothing."""
    from entropy.surgery.filling import fresh_blobs

    anew = {}
    for name, mask in (channels.freed | channels.followers).items():
        if name not in weights:
            continue
        node = old.graph.node(name)
        blobs = [blob.copy() for blob in weights[name]]
        pattern = living(node.layer, filler) if name in channels.freed else node.layer
        fresh = fresh_blobs(pattern, [old.shapes.values[value] for value in node.bottoms], seed)
        if node.type == "BatchNorm":
            fresh[1] *= blobs[2] or 1
        for blob, other in zip(filter_rows(node.layer, blobs), filter_rows(node.layer, fresh), strict=True):
            if len(blob) == len(mask):
                blob[mask] = other[mask]
        anew[name] = blobs
    return anew


def _notes(freed: Mapping[str, Sequence[int]], cut: Mapping[str, int]) -> tuple[str, ...]:
    free = (f"{name}: {len(filters)} filters are free" for name, filters in freed.items())
    return (*free, *(f"{name}: {number} weights on freed filters are cut to zero" for name, number in cut.items()))
