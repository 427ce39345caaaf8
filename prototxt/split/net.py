"""Splitting a net: every layer with several learning rates becomes one layer per rate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from prototxt.common.errors import NetError
from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.formats.upgrade import upgrade_net
from prototxt.net.build import layer as make_layer
from prototxt.net.layer_types import UNIT_TYPES
from prototxt.split.chains import companions
from prototxt.split.layers import Part, Rates, SplitLayer, groups_of, parts_by_rate, runs
from prototxt.split.layouts import filter_axis, group_count, layouts_of, unit_count
from prototxt.split.param_specs import (
    BIAS_DECAY,
    BIAS_LR,
    fill_param_specs,
    refuse_unequal_sharing,
    scaled,
)


class Split(NamedTuple):
    """A split net and what was split in it (nothing where every layer has one rate)."""

    net: NetParameter
    layers: tuple[SplitLayer, ...]


def split_net(
    net: NetParameter,
    rates: Mapping[str, Rates],
    in_channels: Mapping[str, int] | None = None,
    *,
    bias_lr: float = BIAS_LR,
    bias_decay: float = BIAS_DECAY,
) -> Split:
    """Give every filter a learning-rate multiplier of its own, in layers that stock Caffe runs.

    A layer whose filters have several multipliers becomes one layer per multiplier, named like
    ``conv2__g0_lr0.25``; the BatchNorm, Scale, Bias and PReLU layers that belong to its filters are split with it.
    Slice and Concat layers bring the filters back into their order under the original blob name. The Concat takes the
    name of the layer: so Caffe refuses to load weights of the unsplit net, which it would otherwise skip in silence.

    Parameters
    ----------
    net : in all its phases; left as it is.
    rates : layer name to the multiplier of each of its filters (num_output of them, at least 0). The ``lr_mult`` that
        the net gives its blobs is multiplied by it. Layers that are not named keep theirs.
    in_channels : channels of the bottom, needed for grouped convolutions only (whose groups must be cut apart).
    bias_lr, bias_decay : for biases of these layers about which the net says nothing, before multiplication.

    Returns
    -------
    Split : the new net and the description that `split_weights` and `merge_weights` need.

    Raises
    ------
    NetError : an unknown layer, a layer without filters, a wrong number of multipliers, a negative one, shared
        parameters with different rates, a layer with several bottoms, or an unknown layer type behind the filters.
    """
    if net.layers or net.input:
        net = upgrade_net(net)
    check_rates(net, rates)
    net = fill_param_specs(net, rates, bias_lr=bias_lr, bias_decay=bias_decay)
    splitters = [
        Splitter(net, place, parts_by_rate(layer.name, rates[layer.name], group_count(layer)), in_channels or {})
        for place, layer in enumerate(net.layer)
        if layer.name in rates
    ]
    refuse_unequal_sharing(net, {name: parts for splitter in splitters for name, parts in splitter.all_parts()})
    replaced: dict[int, list[LayerParameter]] = {}
    described: dict[str, SplitLayer] = {}
    for splitter in splitters:
        replaced.update(splitter.layers())
        described.update({split.layer: split for split in splitter.described()})
    order = {layer.name: place for place, layer in reversed(list(enumerate(net.layer)))}
    return Split(_with_layers(net, replaced), tuple(sorted(described.values(), key=lambda split: order[split.layer])))


def _with_layers(net: NetParameter, replaced: Mapping[int, Sequence[LayerParameter]]) -> NetParameter:
    """A copy of a net with other layers at some places."""
    result = NetParameter()
    result.CopyFrom(net)
    del result.layer[:]
    for place, layer in enumerate(net.layer):
        result.layer.extend(replaced.get(place, [layer]))
    return result


class Splitter:
    """Splits one layer and its companions.

    Parameters
    ----------
    net : the whole net.
    place : of the layer in ``net.layer``.
    parts : the layers that take its place.
    in_channels : channels of the bottom of each grouped convolution.
    """

    def __init__(self, net: NetParameter, place: int, parts: Sequence[Part], in_channels: Mapping[str, int]) -> None:
        self.net = net
        self.place = place
        self.base = net.layer[place]
        self.axis = filter_axis(self.base)
        self.groups = group_count(self.base)
        self.in_channels = in_channels
        self.companions = companions(net, place, self.axis) if any(part.lr_mult != 1 for part in parts) else ()
        self.parts = tuple(parts)
        # Blob name, as the chain of companions knows it, to the blob of each part.
        self.blobs: dict[str, list[str]] = {}

    def layers(self) -> dict[int, list[LayerParameter]]:
        """Give the new layers by the place of the layer that they replace."""
        if len(self.parts) == 1:
            rate = self.parts[0].lr_mult
            return {place: [scaled(self.net.layer[place], rate)] for place in (self.place, *self.companions)}
        if len(self.base.bottom) != 1 or len(self.base.top) != 1:
            raise NetError(
                f"layer {self.base.name!r} ({self.base.type}) has {len(self.base.bottom)} bottoms; one layer per rate "
                "needs a single one: leave it out of the plan, or give all its filters the same multiplier"
            )
        bottoms = self._group_bottoms()
        self.blobs[self.base.top[0]] = [part.name for part in self.parts]
        result = {self.place: [*bottoms.layers, *self._base_parts(bottoms.blobs)]}
        for place in self.companions:
            result[place] = self._companion_parts(self.net.layer[place])
        result[max(result)] += self._in_order()
        return result

    def all_parts(self) -> Iterator[tuple[str, tuple[Part, ...]]]:
        """Give the parts of the layer and of every companion, by name of the unsplit layer."""
        yield self.base.name, self.parts
        for place in self.companions:
            yield self.net.layer[place].name, self._parts_of(self.net.layer[place])

    def described(self) -> list[SplitLayer]:
        """Describe the layer and its companions; nothing when there is one rate only."""
        if len(self.parts) == 1:
            return []
        found = [SplitLayer(self.base.name, self.base.type, layouts_of(self.base), self.groups, self.parts)]
        for place in self.companions:
            layer = self.net.layer[place]
            if layouts_of(layer):
                found.append(SplitLayer(layer.name, layer.type, layouts_of(layer), 1, self._parts_of(layer)))
        return found

    def _parts_of(self, companion: LayerParameter) -> tuple[Part, ...]:
        return tuple(
            Part(f"{companion.name}{part.name.removeprefix(self.base.name)}", part.lr_mult, part.filters)
            for part in self.parts
        )

    def _base_parts(self, bottoms: list[str]) -> list[LayerParameter]:
        result = []
        for part, bottom in zip(self.parts, bottoms, strict=True):
            layer = scaled(self.base, part.lr_mult, part.name.removeprefix(self.base.name))
            layer.ClearField("loss_weight")
            layer.name, layer.bottom[0], layer.top[0] = part.name, bottom, part.name
            if layer.type == "InnerProduct":
                layer.inner_product_param.num_output = len(part.filters)
            else:
                layer.convolution_param.num_output = len(part.filters)
            if self.groups > 1:
                layer.convolution_param.group = len(groups_of(part.filters, self._units, self.groups))
            result.append(layer)
        return result

    def _companion_parts(self, companion: LayerParameter) -> list[LayerParameter]:
        bottoms = self.blobs[companion.bottom[0]]
        parts = self._parts_of(companion)
        in_place = companion.bottom[0] == companion.top[0]
        tops = bottoms if in_place else [part.name for part in parts]
        self.blobs[companion.top[0]] = tops
        result = []
        for part, bottom, top in zip(parts, bottoms, tops, strict=True):
            layer = scaled(companion, part.lr_mult, part.name.removeprefix(companion.name))
            layer.name, layer.bottom[0], layer.top[0] = part.name, bottom, top
            result.append(layer)
        return result

    def _group_bottoms(self) -> _Bottoms:
        """Cut the bottom where parts need only some of its groups, and join what each part needs."""
        blob = self.base.bottom[0]
        needed = [groups_of(part.filters, self._units, self.groups) for part in self.parts]
        if all(len(groups) == self.groups for groups in needed):
            return _Bottoms([], [blob] * len(self.parts))
        name = self.base.name
        if name not in self.in_channels:
            raise NetError(
                f"layer {name!r} ({self.base.type}) has {self.groups} groups; to cut them apart the channels of its "
                f"bottom {blob!r} must be known: give in_channels"
            )
        channels = self.in_channels[name] // self.groups
        users = [tuple(part for part, groups in enumerate(needed) if group in groups) for group in range(self.groups)]
        cuts = [group for group in range(1, self.groups) if users[group] != users[group - 1]]
        if not cuts:
            return _Bottoms([], [blob] * len(self.parts))
        pieces = [f"{name}__in{number}" for number in range(len(cuts) + 1)]
        layers = [self._slice(f"{name}__groups", blob, pieces, [cut * channels for cut in cuts])]
        blobs = []
        for number, part in enumerate(self.parts):
            mine = [piece for piece, start in zip(pieces, [0, *cuts], strict=True) if number in users[start]]
            if len(mine) > 1:
                layers.append(self._concat(f"{part.name}__in", mine, f"{part.name}__in"))
            blobs.append(mine[0] if len(mine) == 1 else f"{part.name}__in")
        return _Bottoms(layers, blobs)

    def _in_order(self) -> list[LayerParameter]:
        """Bring the filters back into their order, under the name of the chain's last blob."""
        last = self.net.layer[self.companions[-1]] if self.companions else self.base
        order = runs([part.filters for part in self.parts])
        layers, pieces = [], []
        for number, blob in enumerate(self.blobs[last.top[0]]):
            sizes = [run.size for run in order if run.part == number]
            tops = [blob]
            if len(sizes) > 1:
                name = f"{self.parts[number].name}__runs"
                tops = [f"{self.parts[number].name}__run{place}" for place in range(len(sizes))]
                layers.append(self._slice(name, blob, tops, np.cumsum(sizes)[:-1].tolist()))
            pieces.append(iter(tops))
        concat = self._concat(self.base.name, [next(pieces[run.part]) for run in order], last.top[0])
        concat.loss_weight.extend(self.base.loss_weight)
        return [*layers, concat]

    def _slice(self, name: str, bottom: str, tops: list[str], points: list[int]) -> LayerParameter:
        return self._beside(
            make_layer("Slice", name, bottom, tops, slice_param={"axis": self.axis, "slice_point": points})
        )

    def _concat(self, name: str, bottoms: list[str], top: str) -> LayerParameter:
        return self._beside(make_layer("Concat", name, bottoms, top, concat_param={"axis": self.axis}))

    def _beside(self, layer: LayerParameter) -> LayerParameter:
        """Let a helper layer take part in the same phases as the layer that it helps."""
        layer.include.extend(self.base.include)
        layer.exclude.extend(self.base.exclude)
        if self.base.HasField("phase"):
            layer.phase = self.base.phase
        return layer

    @property
    def _units(self) -> int:
        return unit_count(self.base)


class _Bottoms(NamedTuple):
    layers: list[LayerParameter]
    blobs: list[str]


def check_rates(net: NetParameter, rates: Mapping[str, Rates]) -> None:
    """Refuse rates that are not for the filters of a net.

    Raises
    ------
    NetError : an unknown layer, a layer without filters, a wrong number of multipliers, or a negative one.
    """
    layers = {layer.name: layer for layer in net.layer}
    for name, values in rates.items():
        if name not in layers:
            known = ", ".join(layer.name for layer in net.layer if layer.type in UNIT_TYPES)
            raise NetError(f"the net has no layer {name!r} to give learning rates to; those with filters are: {known}")
        layer = layers[name]
        if layer.type not in UNIT_TYPES:
            known = ", ".join(sorted(UNIT_TYPES))
            raise NetError(f"layer {name!r} is a {layer.type}; only {known} layers have filters with a rate")
        if len(values) != unit_count(layer):
            raise NetError(
                f"layer {name!r} ({layer.type}) has {unit_count(layer)} filters, but {len(values)} multipliers are "
                "given; the rates were made for another net"
            )
        if not all(np.isfinite(value) and value >= 0 for value in values):
            raise NetError(f"layer {name!r}: a learning-rate multiplier must be a number of at least 0")
