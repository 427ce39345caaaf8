"""Joining a split net: the layers that `prototxt.split.net` wrote for one layer become that layer again.

Only what `split_net` would write exactly so is joined: a candidate is put together, split again, and compared. So
whatever was changed by hand (a filler, a loss on a part, another reader of a part's blob) stays as it is.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from prototxt.common.errors import NetError
from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.net.build import layer as make_layer
from prototxt.net.layer_types import ACTIVATION_TYPES, NORMALISATION_TYPES, UNIT_TYPES
from prototxt.split.layers import Part, SplitLayer
from prototxt.split.layouts import unit_count
from prototxt.split.net import Splitter


class Joined(NamedTuple):
    """A net whose split layers are joined.

    Attributes
    ----------
    net : the joined net.
    layers : what was joined, with the filters of each part; as of `prototxt.split.Split`.
    lr_mults : layer to the ``lr_mult`` of each filter, (units,) for every blob of it; BatchNorm, which never learns,
        is left out. In ``net`` a blob has the largest of them.
    """

    net: NetParameter
    layers: tuple[SplitLayer, ...]
    lr_mults: dict[str, list[np.ndarray]]


def join_net(net: NetParameter) -> Joined:
    """Join every split layer of a net of one phase; undoes `split_net`, but for names of blobs within a part."""
    return join_nets([net])[0]


def join_nets(nets: Sequence[NetParameter]) -> list[Joined]:
    """Join nets that share their layers' weights, such as a training net and its test nets.

    A layer is joined in all nets that have it, or in none.

    Parameters
    ----------
    nets : of one phase each (`prototxt.net.phases.filter_net`); left as they are.

    Returns
    -------
    The joined nets, in the same order.
    """
    found = [{join.name: join for join in _recognised(net)} for net in nets]
    while strangers := set(_in_disagreement(nets, found)):
        for joins in found:
            for name in strangers:
                joins.pop(name, None)
    return [_joined(net, list(joins.values())) for net, joins in zip(nets, found, strict=True)]


@dataclass(frozen=True)
class _Join:
    """Layers that are to become one layer and its companions.

    Attributes
    ----------
    whole : the layer and its companions.
    replaced : the layers in their place, by name: the parts, and what slices and concatenates for them.
    split : descriptions of those with blobs.
    """

    whole: tuple[LayerParameter, ...]
    replaced: Mapping[str, LayerParameter]
    split: tuple[SplitLayer, ...]

    @property
    def name(self) -> str:
        return self.whole[0].name

    @property
    def part_names(self) -> set[str]:
        return {part.name for layer in self.split for part in layer.parts}

    def shared_names(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Names of shared parameters, those of the parts and that of the whole, with the filters that they are for."""
        for layer in self.split:
            for part in layer.parts:
                yield from ((spec.name, part.filters) for spec in self.replaced[part.name].param if spec.name)
        for whole in self.whole:
            yield from ((spec.name, ()) for spec in whole.param if spec.name)


def _recognised(net: NetParameter) -> Iterator[_Join]:
    names = Counter(layer.name for layer in net.layer)
    unique = {layer.name: layer for layer in net.layer if names[layer.name] == 1}
    for layer in net.layer:
        if layer.type == "Concat" and layer.name in unique:
            try:
                join = _Recogniser(net, unique, layer).join()
            except NetError:
                continue
            if join is not None and not _has_other_readers(net, join):
                yield join


class _Recogniser:
    """Finds out whether a Concat ends a split, by splitting again what it would have come from.

    Parameters
    ----------
    net : of one phase.
    layers : its layers by name.
    concat : the Concat, which has the name of the layer that was split.
    """

    def __init__(self, net: NetParameter, layers: Mapping[str, LayerParameter], concat: LayerParameter) -> None:
        self.net = net
        self.layers = layers
        self.concat = concat
        pattern = re.compile(re.escape(concat.name) + r"__g\d+_lr([^_]+)")
        matches = ((each, pattern.fullmatch(each.name)) for each in net.layer if each.type in UNIT_TYPES)
        self.parts = [(each, float(match[1])) for each, match in matches if match]
        self.suffixes = [part.name.removeprefix(concat.name) for part, _ in self.parts]

    def join(self) -> _Join | None:
        """Give the layer that was split; None where it is no split, or not exactly one."""
        if len(self.parts) < 2 or any(part.blobs for part, _ in self.parts):
            return None
        companions = list(self._companions())
        filters = self._filters(companions[-1] if companions else None)
        if filters is None or (companions and self.concat.loss_weight):
            return None
        described = [Part(layer.name, rate, rows) for (layer, rate), rows in zip(self.parts, filters, strict=True)]
        units = sum(map(len, filters))
        largest = max(layer.convolution_param.group for layer, _ in self.parts)
        for groups in (count for count in range(largest, units + 1) if units % count == 0):
            whole = self._whole(companions, units, groups)
            splitter = self._splitter(whole, described, groups)
            again = [layer for layers in splitter.layers().values() for layer in layers]
            if all(_same(layer, self.layers.get(layer.name)) for layer in again):
                replaced = {layer.name: self.layers[layer.name] for layer in again}
                return _Join(tuple(whole), replaced, tuple(splitter.described()))
            if self.parts[0][0].type == "InnerProduct":
                break
        return None

    def _companions(self) -> Iterator[str]:
        """Names of the layers that were split with it: those in the chain of the first part that bear its suffix."""
        part, suffix = self.parts[0][0], self.suffixes[0]
        blob, after = part.top[0], False
        for layer in self.net.layer:
            if after and blob in layer.bottom:
                if layer.type not in NORMALISATION_TYPES | ACTIVATION_TYPES or not layer.name.endswith(suffix):
                    return
                yield layer.name.removesuffix(suffix)
                blob = layer.top[0]
            after = after or layer is part

    def _filters(self, last: str | None) -> list[tuple[int, ...]] | None:
        """Read off the Concat which filters each part holds; None where it joins anything else."""
        owners: dict[str, tuple[int, int]] = {}
        for number, ((part, _), suffix) in enumerate(zip(self.parts, self.suffixes, strict=True)):
            cut = self.layers.get(f"{part.name}__runs")
            end = part if last is None else self.layers.get(f"{last}{suffix}")
            if end is None:
                return None
            tops = list(cut.top) if cut else [end.top[0]]
            points = [0, *(cut.slice_param.slice_point if cut else ()), unit_count(part)]
            if len(points) != len(tops) + 1:
                return None
            sizes = (stop - start for start, stop in itertools.pairwise(points))
            owners |= {top: (number, size) for top, size in zip(tops, sizes, strict=True)}
        filters: list[list[int]] = [[] for _ in self.parts]
        place = 0
        for blob in self.concat.bottom:
            if blob not in owners:
                return None
            number, size = owners.pop(blob)
            filters[number] += range(place, place + size)
            place += size
        return None if owners else [tuple(rows) for rows in filters]

    def _whole(self, companions: Sequence[str], units: int, groups: int) -> list[LayerParameter]:
        """The layer and its companions, as they were; names of the blobs between them are made up."""
        whole = []
        for name in (self.concat.name, *companions):
            layer = LayerParameter()
            layer.CopyFrom(self.layers[f"{name}{self.suffixes[0]}"])
            layer.name = name
            parts = [self.layers[f"{name}{suffix}"] for suffix in self.suffixes]
            for index, spec in enumerate(layer.param):
                spec.lr_mult = max(part.param[index].lr_mult for part in parts if index < len(part.param))
                if spec.name:
                    spec.name = spec.name.removesuffix(self.suffixes[0])
            whole.append(layer)
        base = whole[0]
        if base.type == "InnerProduct":
            base.inner_product_param.num_output = units
        else:
            base.convolution_param.num_output = units
            if groups > 1:
                base.convolution_param.group = groups
        base.loss_weight.extend(self.concat.loss_weight)
        cut = self.layers.get(f"{base.name}__groups")
        if cut is not None:
            base.bottom[0] = cut.bottom[0]
        self._name_blobs(whole)
        return whole

    def _name_blobs(self, whole: Sequence[LayerParameter]) -> None:
        taken = {blob for layer in self.net.layer for blob in layer.top}
        writers = [layer for layer in whole if layer is whole[0] or layer.bottom[0] != layer.top[0]]
        blob = whole[0].bottom[0]
        for layer in whole:
            layer.bottom[0] = blob
            if layer is writers[-1]:
                blob = self.concat.top[0]
            elif any(layer is writer for writer in writers):
                blob = layer.name if layer.name not in taken else f"{layer.name}__joined"
            layer.top[0] = blob

    def _splitter(self, whole: Sequence[LayerParameter], parts: Sequence[Part], groups: int) -> Splitter:
        source = make_layer("Input", f"{self.concat.name}__bottom", tops=whole[0].bottom)
        net = NetParameter(layer=[source, *whole])
        splitter = Splitter(net, 1, parts, {self.concat.name: groups})
        cut, name = self.layers.get(f"{self.concat.name}__groups"), f"{self.concat.name}__groups"
        again = next((layer for layer in splitter.layers()[1] if layer.name == name), None)
        if cut is not None and again is not None:
            # With one channel per group the points are numbers of groups; so this is the number of channels.
            channels = cut.slice_param.slice_point[0] // again.slice_param.slice_point[0]
            splitter = Splitter(net, 1, parts, {self.concat.name: groups * channels})
        return splitter


def _same(layer: LayerParameter, other: LayerParameter | None) -> bool:
    """Whether two layers are equal but for their rates."""
    return other is not None and _without_rates(layer) == _without_rates(other)


def _without_rates(layer: LayerParameter) -> LayerParameter:
    result = LayerParameter()
    result.CopyFrom(layer)
    for spec in result.param:
        spec.ClearField("lr_mult")
    return result


def _has_other_readers(net: NetParameter, join: _Join) -> bool:
    inner = {blob for layer in join.replaced.values() if layer.name != join.name for blob in layer.top}
    others = (layer for layer in net.layer if layer.name not in join.replaced)
    return any(not inner.isdisjoint([*layer.bottom, *layer.top]) for layer in others)


def _in_disagreement(nets: Sequence[NetParameter], found: Sequence[Mapping[str, _Join]]) -> Iterator[str]:
    """Layers that one net joins and another does not, or that share a parameter with one that is not joined so."""
    for one, other in itertools.permutations(range(len(nets)), 2):
        names = {layer.name for layer in nets[other].layer}
        parts = set().union(*(join.part_names for join in found[other].values()))
        for name, join in found[one].items():
            twin = found[other].get(name)
            if not (join.part_names & names) <= parts or (twin and twin.split[0] != join.split[0]):
                yield name
    for net, joins in zip(nets, found, strict=True):
        yield from _with_parameters_of_others(net, joins)


def _with_parameters_of_others(net: NetParameter, joins: Mapping[str, _Join]) -> Iterator[str]:
    replaced = {name for join in joins.values() for name in join.replaced}
    sharers: dict[str, set[tuple[int, ...] | None]] = defaultdict(set)
    for layer in net.layer:
        if layer.name not in replaced:
            for spec in layer.param:
                sharers[spec.name].add(None)
    for join in joins.values():
        for shared, filters in join.shared_names():
            sharers[shared].add(filters)
    for name, join in joins.items():
        if any(len(sharers[shared]) > 1 for shared, _ in join.shared_names()):
            yield name


def _joined(net: NetParameter, joins: Sequence[_Join]) -> Joined:
    result = NetParameter()
    result.CopyFrom(net)
    del result.layer[:]
    replaced = {name for join in joins for name in join.replaced}
    # Every whole layer stands where its first part stood.
    firsts = {_first_name(join, layer): layer for join in joins for layer in join.whole}
    for layer in net.layer:
        if layer.name in firsts:
            result.layer.append(firsts[layer.name])
        elif layer.name not in replaced:
            result.layer.append(layer)
    order = {layer.name: place for place, layer in enumerate(result.layer)}
    split = sorted((each for join in joins for each in join.split), key=lambda each: order[each.layer])
    parts = {name: layer for join in joins for name, layer in join.replaced.items()}
    return Joined(
        result, tuple(split), {each.layer: _lr_mults(each, parts) for each in split if each.type != "BatchNorm"}
    )


def _first_name(join: _Join, layer: LayerParameter) -> str:
    first = next(iter(join.split)).parts[0].name
    return f"{layer.name}{first.removeprefix(join.name)}"


def _lr_mults(layer: SplitLayer, parts: Mapping[str, LayerParameter]) -> list[np.ndarray]:
    found = []
    for index in range(len(layer.layouts)):
        rates = np.empty(layer.units, np.float32)
        for part in layer.parts:
            rates[list(part.filters)] = parts[part.name].param[index].lr_mult
        found.append(rates)
    return found
