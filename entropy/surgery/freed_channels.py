"""Where the outputs of freed filters go in a net, and which layers keep them apart from the others' outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from entropy.errors import SurgeryError
from entropy.surgery.channels import is_channelwise
from entropy.surgery.extended import OldNet
from entropy.surgery.starting import settings
from prototxt.net.graph import Node, Value
from prototxt.net.layer_types import UNIT_TYPES
from prototxt.split.layouts import unit_count

Mask = NDArray[np.bool_]


@dataclass(eq=False)
class FreedChannels:
    """The channels of every blob that freed filters can change.

    Parameters
    ----------
    old : the net.
    freed : layer to (units,), true for the filters that are free.

    Attributes
    ----------
    channels : value to (channels,), true for those that come from freed filters; values without any are not there.
    readers : the Convolution and InnerProduct layers that read such values.
    followers : the channelwise layers behind freed filters, to the channels of theirs.

    Raises
    ------
    SurgeryError : a layer mixes channels, so that freed filters would change what the others do.
    """

    old: OldNet
    freed: dict[str, Mask]
    channels: dict[Value, Mask] = field(default_factory=dict)
    readers: list[Node] = field(default_factory=list)
    followers: dict[str, Mask] = field(default_factory=dict)
    _read: set[Value] = field(default_factory=set)

    def __post_init__(self) -> None:
        scores = {self.old.graph.value(output) for output in self.old.outputs}
        for node in self.old.graph.layers:
            touched = [value for value in node.bottoms if value in self.channels]
            if node.type in UNIT_TYPES:
                self._filters(node, touched)
            elif touched:
                self._follow(node)
            for value in scores & self.channels.keys():
                raise SurgeryError(
                    f"freed filters would change the old class scores {value.blob!r}; free filters of layers before "
                    "the classifier only"
                )

    def unread(self) -> list[Value]:
        """Values with freed channels that no freed filter of another layer reads, directly or further on."""
        return [value for value in self.channels if value not in self._read]

    def _filters(self, node: Node, touched: Sequence[Value]) -> None:
        if touched:
            _refuse_reader(node)
            self.readers.append(node)
        if node.name in self.freed:
            self._read.update(touched)
            self.channels[node.tops[0]] = self.freed[node.name]

    def _follow(self, node: Node) -> None:
        bottom = node.bottoms[0]
        if is_channelwise(node, len(self.old.shapes.values[bottom])):
            masks = [self.channels[bottom]]
            self.followers[node.name] = masks[0]
        elif node.type in _RULES:
            masks = _RULES[node.type](self, node)
        else:
            masks = self._refuse(node)
        self._read.update(value for value in node.bottoms if value in self.channels)
        self.channels.update((top, mask) for top, mask in zip(node.tops, masks, strict=True) if mask.any())

    def _mask(self, value: Value) -> Mask:
        return self.channels.get(value, np.zeros(self.old.shapes.values[value][1], bool))

    def _refuse(self, node: Node, why: str = "mixes the channels of its bottom") -> list[Mask]:
        raise SurgeryError(
            f"{node}: {why}, so freed filters before it would change what the old ones do; free filters of layers "
            "behind it"
        )

    def _combined(self, node: Node) -> list[Mask]:
        masks = [self._mask(value) for value in node.bottoms]
        if any((mask != masks[0]).any() for mask in masks):
            return self._refuse(node, "combines freed filters with others (free the same ones before each bottom)")
        return masks[:1]

    def _concatenated(self, node: Node) -> list[Mask]:
        if node.layer.concat_param.axis % len(self.old.shapes.values[node.bottoms[0]]) != 1:
            return self._refuse(node)
        return [np.concatenate([self._mask(value) for value in node.bottoms])]

    def _cropped(self, node: Node) -> list[Mask]:
        if node.layer.crop_param.axis % len(self.old.shapes.values[node.bottoms[0]]) < 2:
            return self._refuse(node)
        return [self._mask(node.bottoms[0])]

    def _flattened(self, node: Node) -> list[Mask]:
        shape, param = self.old.shapes.values[node.bottoms[0]], node.layer.flatten_param
        if param.axis % len(shape) != 1 or param.end_axis % len(shape) != len(shape) - 1:
            return self._refuse(node)
        return [np.repeat(self._mask(node.bottoms[0]), int(np.prod(shape[2:])))]

    def _copied(self, node: Node) -> list[Mask]:
        return [self._mask(node.bottoms[0])] * len(node.tops)

    def _sliced(self, node: Node) -> list[Mask]:
        shapes = self.old.shapes.values
        if node.layer.slice_param.axis % len(shapes[node.bottoms[0]]) != 1:
            return self._copied(node)
        cuts = np.cumsum([shapes[top][1] for top in node.tops])[:-1]
        return list(np.split(self._mask(node.bottoms[0]), cuts))

    def _silenced(self, node: Node) -> list[Mask]:
        return []


_RULES: dict[str, Callable[[FreedChannels, Node], list[Mask]]] = {
    "Concat": FreedChannels._concatenated,
    "Crop": FreedChannels._cropped,
    "Eltwise": FreedChannels._combined,
    "Flatten": FreedChannels._flattened,
    "Silence": FreedChannels._silenced,
    "Slice": FreedChannels._sliced,
    "Split": FreedChannels._copied,
}


def filter_masks(old: OldNet, filters: Mapping[str, Sequence[int]]) -> dict[str, Mask]:
    """Check which filters are to be freed, and give them as masks, (units,) per layer.

    Raises
    ------
    SurgeryError : none are named, a layer has no filters or shares them, an index is wrong or there twice, or all
        filters of a layer are named.
    NetError : there is no such layer.
    """
    if not any(len(indices) for indices in filters.values()):
        raise SurgeryError("name at least one filter to free")
    masks = {}
    for name, indices in filters.items():
        node = old.graph.node(name)
        _refuse_reader(node)
        units = unit_count(node.layer)
        if len(set(indices)) != len(indices) or not all(0 <= index < units for index in indices):
            raise SurgeryError(f"{node}: filters to free must be different numbers from 0 to {units - 1}")
        if len(indices) >= units:
            raise SurgeryError(f"{node}: all {units} filters would be free, and none left to the old task; keep some")
        masks[name] = np.zeros(units, bool)
        masks[name][list(indices)] = True
    return {name: mask for name, mask in masks.items() if mask.any()}


def _refuse_reader(node: Node) -> None:
    """Only layers whose weights stand in rows of filters, on channels of axis 1, and belong to them alone."""
    if node.type not in ("Convolution", "InnerProduct"):
        raise SurgeryError(f"{node}: only Convolution and InnerProduct layers can have or read freed filters")
    param = settings(node.layer)
    if param.axis != 1 or len(node.bottoms) != 1 or any(spec.name for spec in node.layer.param):
        raise SurgeryError(
            f"{node}: has {len(node.bottoms)} bottoms, channels on axis {param.axis}, or parameters that it shares; a "
            "layer that has or reads freed filters has one bottom, channels on axis 1, and its parameters to itself"
        )
