"""The new filters themselves, and what follows them through the net."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from entropy.errors import SurgeryError
from entropy.surgery.channels import is_channelwise
from entropy.surgery.extended import Additions, OldNet
from entropy.surgery.older_parts import older_parts
from entropy.surgery.starting import living, settings
from prototxt.formats.schema import FillerParameter, LayerParameter
from prototxt.net.build import layer as make_layer
from prototxt.net.graph import Node, Value
from prototxt.split.layouts import filter_rows, group_count, unit_count

FRESH = -1


@dataclass(frozen=True, eq=False)
class NewPart:
    """New filters that stand beside those of an old blob.

    Parameters
    ----------
    blob : that holds them.
    origin : (filters,) the channel of the old blob that each starts as a copy of, or `FRESH`.
    layer : the widened layer that they come from, for messages.
    """

    blob: str
    origin: NDArray[np.int64]
    layer: str


@dataclass(eq=False)
class WideLayers:
    """Adds the new filters of some layers, and copies of what follows them channel by channel.

    Parameters are those of `entropy.surgery.widening.widen`, ``counts`` and ``copies`` by layer.

    Attributes
    ----------
    parts : old value to the new filters that stand beside it.
    """

    old: OldNet
    added: Additions
    suffix: str
    counts: Mapping[str, int]
    copies: Mapping[str, Sequence[int]]
    extra: Literal["filler", "zero"]
    filler: FillerParameter | None
    seed: int
    parts: dict[Value, NewPart] = field(default_factory=dict)
    _read: set[Value] = field(default_factory=set)

    def add(self) -> None:
        """Go through the first task's net in order."""
        strangers = [name for name in self.copies if name not in self.counts]
        if strangers:
            raise SurgeryError(f"layer {strangers[0]!r}: copies of its filters are wanted, but it is not widened")
        path = self.old.graph.ancestors([self.old.graph.value(self.old.outputs[0])])
        beside = set(self.counts) - {node.name for node in path}
        if beside:
            raise SurgeryError(
                f"layer {min(beside)!r} does not lead to the first task's class scores {self.old.outputs[0]!r}; widen "
                "layers of its net, beside which later tasks have theirs"
            )
        for node in path:
            if node.name in self.counts:
                self._widen(node)
            elif any(value in self.parts for value in node.bottoms):
                if is_channelwise(node, self._axes(node)):
                    self._follow(node, [self.read(node.bottoms[0])], self._part(node.bottoms[0]).origin)
                elif node.type in _RULES:
                    _RULES[node.type](self, node)

    def read(self, value: Value) -> str:
        """The blob of the new filters beside an old value, which somebody reads now."""
        self._read.add(value)
        return self.parts[value].blob

    def unread(self) -> list[Value]:
        """Old values beside which there are new filters that nobody reads yet."""
        return [value for value in self.parts if value not in self._read]

    def _part(self, value: Value) -> NewPart:
        return self.parts[value]

    def _axes(self, node: Node) -> int:
        return len(self.old.shapes.values[node.bottoms[0]])

    # -- new filters ------------------------------------------------------------------------------------------------

    def _widen(self, node: Node) -> None:
        _refuse_what_has_no_channels(node)
        value, count = node.bottoms[0], self.counts[node.name]
        inputs = self._inputs(value)
        bottom = next(iter(inputs))
        if len(inputs) > 1:
            bottom = f"{node.name}_in{self.suffix}"
            self.added.layers.append(make_layer("Concat", bottom, list(inputs)))
        layer = self._wide_layer(node, bottom, count)
        channels = sum(inputs.values())
        origin = np.full(count, FRESH)
        if node.name in self.copies:
            origin = self._checked_copies(node, count)
            self.added.copied_from[layer.name] = node.name
        self.added.weights[layer.name] = self._blobs(node, layer, channels, origin)
        self.added.layers.append(layer)
        self.parts[node.tops[0]] = NewPart(layer.top[0], origin, node.name)
        how = "copies of old ones" if node.name in self.copies else "fresh"
        self.added.notes.append(f"{layer.name}: {count} new filters, {how}, on {' and '.join(inputs)}")

    def _inputs(self, value: Value) -> dict[str, int]:
        """Everything that stands in the place of an old value, and how many channels each has."""
        shapes = self.old.shapes.values
        inputs = {each.blob: shapes[each][1] for each in (value, *older_parts(self.old, value))}
        if value in self.parts:
            inputs[self.read(value)] = len(self._part(value).origin)
        return inputs

    def _wide_layer(self, node: Node, bottom: str, count: int) -> LayerParameter:
        layer = living(node.layer, self.filler)
        layer.name, layer.bottom[0], layer.top[0] = node.name + self.suffix, bottom, node.tops[0].blob + self.suffix
        del layer.blobs[:]
        for spec in layer.param:
            spec.ClearField("name")
        settings(layer).num_output = count
        settings(layer).ClearField("transpose" if layer.type == "InnerProduct" else "group")
        return layer

    def _checked_copies(self, node: Node, count: int) -> NDArray[np.int64]:
        origin, units = np.asarray(self.copies[node.name], np.int64), unit_count(node.layer)
        if origin.shape != (count,) or not ((origin >= 0) & (origin < units)).all():
            raise SurgeryError(
                f"{node}: {count} new filters need {count} filters to be copies of, from 0 to {units - 1}; got "
                f"{origin.size} from {origin.min(initial=0)} to {origin.max(initial=0)}"
            )
        return origin

    def _blobs(self, node: Node, layer: LayerParameter, channels: int, origin: NDArray[np.int64]) -> list[np.ndarray]:
        from entropy.surgery.filling import filled_blobs

        bottom = self.old.shapes.values[node.bottoms[0]]
        blobs = filled_blobs(layer, [(bottom[0], channels, *bottom[2:])], self.seed)
        if (origin == FRESH).all():
            return blobs
        rows = [row[origin] for row in filter_rows(node.layer, self.old.weights[node.name])]
        filters = _without_groups(rows[0], origin, unit_count(node.layer), group_count(node.layer))
        if self.extra == "zero":
            blobs[0] = np.zeros_like(blobs[0])
        blobs[0][:, : filters.shape[1]] = filters
        return [blobs[0], *rows[1:]]

    # -- what follows them ------------------------------------------------------------------------------------------

    def _follow(self, node: Node, bottoms: Sequence[str], origin: NDArray[np.int64]) -> None:
        """Copy a layer of one top onto the new filters."""
        layer = LayerParameter()
        layer.CopyFrom(node.layer)
        layer.name = node.name + self.suffix
        del layer.blobs[:]
        layer.bottom[:] = bottoms
        layer.top[:] = [bottoms[0] if node.in_place else node.tops[0].blob + self.suffix]
        for spec in layer.param:
            spec.ClearField("name")
        if node.name in self.old.weights:
            self.added.weights[layer.name] = self._rows(node, layer, origin)
        self._put(node, layer, origin)

    def _put(self, node: Node, layer: LayerParameter, origin: NDArray[np.int64]) -> None:
        """Add a layer whose last top is the new filters' part of a node's top."""
        self.added.layers.append(layer)
        source = next(value for value in node.bottoms if value in self.parts)
        self.parts[node.tops[0]] = NewPart(layer.top[-1], origin, self._part(source).layer)

    def _rows(self, node: Node, layer: LayerParameter, origin: NDArray[np.int64]) -> list[np.ndarray]:
        """One number per channel: of copies the old ones, of fresh filters the filler's."""
        from entropy.surgery.filling import fresh_blobs

        old = self.old.weights[node.name]
        shape = self.old.shapes.values[node.bottoms[0]]
        blobs = fresh_blobs(layer, [(shape[0], len(origin), *shape[2:])], self.seed)
        if node.type == "BatchNorm":
            factor = old[2] if old[2] else np.ones_like(old[2])
            old = [old[0] / factor, old[1] / factor, np.ones_like(factor)]
        copied = origin != FRESH
        for blob, each in zip(blobs, old, strict=True):
            if blob.shape == origin.shape and each.shape == (shape[1],):
                blob[copied] = each[origin[copied]]
            else:  # one number for all channels
                blob[...] = each
        return blobs

    def _normalise(self, node: Node) -> None:
        """LRN across channels: over old and new filters, of which the new ones are kept."""
        if len(node.tops) != 1:
            return
        value, top, name = node.bottoms[0], node.tops[0].blob, node.name
        origin, inputs = self._part(value).origin, self._inputs(value)
        together, normalised, unused = (f"{name}_{what}{self.suffix}" for what in ("in", "all", "unused"))
        lrn = LayerParameter()
        lrn.CopyFrom(node.layer)
        lrn.name, lrn.bottom[0], lrn.top[0] = normalised, together, normalised
        cut = sum(inputs.values()) - len(origin)
        self.added.layers += [make_layer("Concat", together, list(inputs)), lrn]
        tops, param = [unused, top + self.suffix], {"slice_point": [cut]}
        self._put(node, make_layer("Slice", name + self.suffix, normalised, tops, slice_param=param), origin)
        self.added.layers.append(make_layer("Silence", unused, unused, ()))

    def _combine(self, node: Node) -> None:
        """Eltwise: new filters with new ones, where every summand has equally many."""
        parts = [self.parts.get(value) for value in node.bottoms]
        known = [part for part in parts if part is not None]
        if len(known) != len(parts) or len({len(part.origin) for part in known}) > 1 or len(node.tops) != 1:
            return
        same = all((part.origin == known[0].origin).all() for part in known)
        origin = known[0].origin if same else np.full_like(known[0].origin, FRESH)
        self._follow(node, [self.read(value) for value in node.bottoms], origin)

    def _concatenate(self, node: Node) -> None:
        """Concat of the new filters of whichever bottoms have some."""
        axes = self._axes(node)
        if node.layer.concat_param.axis % axes != 1:
            return
        origins, start = [], 0
        for value in node.bottoms:
            if value in self.parts:
                origin = self._part(value).origin
                origins.append(np.where(origin == FRESH, FRESH, origin + start))
            start += self.old.shapes.values[value][1]
        blobs = [self.read(value) for value in node.bottoms if value in self.parts]
        self._follow(node, blobs, np.concatenate(origins))

    def _crop(self, node: Node) -> None:
        """Crop to the size of an old blob, along positions only."""
        value, reference = node.bottoms
        if value in self.parts and node.layer.crop_param.axis % self._axes(node) > 1:
            self._follow(node, [self.read(value), reference.blob], self._part(value).origin)

    def _flatten(self, node: Node) -> None:
        """Flatten channels and positions into channels."""
        shape, param = self.old.shapes.values[node.bottoms[0]], node.layer.flatten_param
        if param.axis % len(shape) == 1 and param.end_axis % len(shape) == len(shape) - 1:
            positions = np.arange(int(np.prod(shape[2:])))
            origin = self._part(node.bottoms[0]).origin[:, None]
            spread = np.where(origin == FRESH, FRESH, origin * len(positions) + positions)
            self._follow(node, [self.read(node.bottoms[0])], spread.ravel())


_RULES: dict[str, Callable[[WideLayers, Node], None]] = {
    "Concat": WideLayers._concatenate,
    "Crop": WideLayers._crop,
    "Eltwise": WideLayers._combine,
    "Flatten": WideLayers._flatten,
    "LRN": WideLayers._normalise,
}


def _refuse_what_has_no_channels(node: Node) -> None:
    param = settings(node.layer)
    if len(node.bottoms) != 1 or len(node.tops) != 1 or param.axis != 1:
        raise SurgeryError(
            f"{node}: has {len(node.bottoms)} bottoms and axis {param.axis}; a layer that is widened has one bottom, "
            "and its channels on axis 1"
        )


def _without_groups(rows: np.ndarray, origin: NDArray[np.int64], units: int, groups: int) -> np.ndarray:
    """Give filters of a grouped convolution weights on all channels, 0 on those of other groups."""
    if groups == 1:
        return rows
    size = rows.shape[1]
    whole = np.zeros((len(rows), size * groups, *rows.shape[2:]), rows.dtype)
    for row, filter in enumerate(origin):
        group = int(filter) * groups // units
        whole[row, group * size : (group + 1) * size] = rows[row]
    return whole
