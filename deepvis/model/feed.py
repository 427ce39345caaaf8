"""Where images go in a net: its Input blobs, and on which of their axes the images of a batch are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from deepvis.errors import ModelError
from prototxt.common.errors import NetError
from prototxt.net.graph import NetGraph, Node, Value
from prototxt.net.shapes import infer_shapes

RECURRENT_TYPES = frozenset({"LSTM", "RNN"})
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Feed:
    """How a batch of images is put into a net.

    Parameters
    ----------
    values : the Input blobs that take the images: one, or two for a siamese net whose pairs enter apart.
    shape : of one such blob for one image: (C, H, W), (C, L), (C, D, H, W), (C,); of a recurrent net (T, …).
    batch : images in a batch, as the net declares it.
    steps : T, time steps of an image; 0 for nets without recurrent layers.
    frames_first : whether time steps and batch share axis 0 of the blob, (T · N, …), as for a net that looks at every
        frame before it comes to its recurrent layer; else the blob is (T, N, …).
    markers : the blobs (T, N) that tell recurrent layers where a sequence begins: 0 for the first step, then 1.
    """

    values: tuple[Value, ...]
    shape: Shape
    batch: int
    steps: int = 0
    frames_first: bool = False
    markers: tuple[Value, ...] = ()

    @property
    def image_shape(self) -> Shape:
        """Of the input of one image: `shape`, (2, …) where there are two blobs."""
        return (len(self.values), *self.shape) if len(self.values) > 1 else self.shape

    def inputs(self, images: Tensor) -> dict[str | Value, Tensor]:
        """Give the blobs that the net runs on; gradients go through.

        Parameters
        ----------
        images : (B, …) of `image_shape`.
        """
        if len(self.values) > 1:
            return {value.blob: images[:, place] for place, value in enumerate(self.values)}
        if not self.steps:
            return {self.values[0].blob: images}
        in_time = images.transpose(0, 1)
        begins = torch.ones(self.steps, len(images), device=images.device)
        begins[0] = 0
        data = in_time.flatten(0, 1) if self.frames_first else in_time
        return {self.values[0].blob: data, **{value.blob: begins for value in self.markers}}

    def declared(self, batch: int) -> dict[str, Shape]:
        """Shapes of all Input blobs for a batch."""
        if not self.steps:
            return {value.blob: (batch, *self.shape) for value in self.values}
        own = self.shape[1:]
        data = (self.steps * batch, *own) if self.frames_first else (self.steps, batch, *own)
        return {self.values[0].blob: data, **{value.blob: (self.steps, batch) for value in self.markers}}


def find_feed(graph: NetGraph, path: Path) -> Feed:
    """Tell how images enter a net of the TEST phase; a `ModelError` (names ``path``) if they cannot."""
    shapes = {value: _declared_shape(graph, value) for value in graph.inputs}
    markers = tuple(value for value in shapes if _is_marker(graph, value))
    data = tuple(value for value in shapes if value not in markers)
    if not markers and len(data) in (1, 2) and len({shapes[value] for value in data}) == 1 and len(shapes[data[0]]) > 1:
        batch, *shape = shapes[data[0]]
        return Feed(data, tuple(shape), batch)
    if markers and len(data) == 1 and len({shapes[value] for value in markers}) == 1:
        for feed in _sequence_feeds(data[0], shapes[data[0]], markers, shapes[markers[0]]):
            if _runs(graph, feed):
                return feed
    found = ", ".join(f"{value} ({by(shape)})" for value, shape in shapes.items()) or "none"
    raise ModelError(
        f"{path}: a net must have one Input layer of (N, channels, …) to put images into, or two of one shape for"
        " pairs,"
        f" and a recurrent net its sequence markers (T, N) besides; found {found}; a train_val.prototxt has none, give"
        " the deploy.prototxt"
    )


def _sequence_feeds(value: Value, shape: Shape, markers: tuple[Value, ...], times: Shape) -> list[Feed]:
    """The ways in which a blob can hold T steps of N sequences."""
    if len(times) != 2 or not shape:
        return []
    steps, batch = times
    feeds = []
    if shape[0] == steps * batch and len(shape) > 1:
        feeds.append(Feed((value,), (steps, *shape[1:]), batch, steps, True, markers))
    if shape[:2] == times:
        feeds.append(Feed((value,), (steps, *shape[2:]), batch, steps, False, markers))
    return feeds


def _runs(graph: NetGraph, feed: Feed) -> bool:
    """Whether the recurrent layers get (T, N, …) when the batch is another one than the net declares."""
    batch = feed.batch + 1
    try:
        shapes = infer_shapes(graph, feed.declared(batch)).values
    except NetError:
        return False
    recurrent = [node for node in graph.layers if node.type in RECURRENT_TYPES]
    return all(shapes[node.bottoms[0]][:2] == (feed.steps, batch) for node in recurrent)


def _declared_shape(graph: NetGraph, value: Value) -> Shape:
    node = graph.producer(value)
    shapes = [tuple(shape.dim) for shape in node.layer.input_param.shape]
    place = node.tops.index(value)
    return () if not shapes else tuple(shapes[place if len(shapes) > 1 else 0])


def _is_marker(graph: NetGraph, value: Value) -> bool:
    """Whether nothing but recurrent layers read a blob, as their second bottom."""
    readers = graph.consumers(value)
    return bool(readers) and all(
        node.type in RECURRENT_TYPES and [place for place, own in enumerate(node.bottoms) if own == value] == [1]
        for node in readers
    )


@dataclass(frozen=True)
class Layout:
    """On which axes of a value images, units and positions are.

    Parameters
    ----------
    image_axis : of the images; 1 for what is recurrent, (T, N, …), else 0.
    unit_axis : of the units.
    copies : how many rows of axis 0 belong to one image, where more than one does: the frames of a sequence, or the two
        pictures of a pair that were put into one batch (Concat along axis 0).
    copies_first : whether rows are ordered by copy, then image; else by image, then copy.
    """

    image_axis: int = 0
    unit_axis: int = 1
    copies: int = 1
    copies_first: bool = True

    def maps(self, tensor: Tensor) -> Tensor:
        """Give (B, C, …): images, units, and the positions of a unit's map, copies first; a view of ``tensor``."""
        if self.copies > 1:
            rows = (self.copies, -1) if self.copies_first else (-1, self.copies)
            split = tensor.unflatten(0, rows)
            image, unit = (1 if self.copies_first else 0), self.unit_axis + 1
            return split.movedim((image, unit), (0, 1))
        if (self.image_axis, self.unit_axis) == (0, 1):
            return tensor
        return tensor.movedim((self.image_axis, self.unit_axis), (0, 1))

    def map_shape(self, shape: Sequence[int]) -> Shape:
        """(N, C, …) of a value of ``shape``."""
        return tuple(self.maps(torch.empty(tuple(shape), device="meta")).shape)

    @property
    def time_axis(self) -> int | None:
        """Axis of a map along which the steps or pictures of an image are; None if it has none."""
        return 0 if self.copies > 1 or self.image_axis > 0 else None


USUAL = Layout()


def find_layouts(graph: NetGraph, feed: Feed) -> dict[Value, Layout]:
    """Tell how every value that holds images lies, from what changes when the batch grows by one.

    A value whose shape stays is left out, as it holds nothing of single images. Where it cannot be told, because the
    net allows no other batch (a Reshape fixes it), all count as usual: (N, C, …).
    """
    try:
        now, more = (infer_shapes(graph, feed.declared(batch)).values for batch in (feed.batch, feed.batch + 1))
    except NetError:
        return dict.fromkeys(graph.values, USUAL)
    layouts: dict[Value, Layout] = {}
    for node in graph.layers:
        for value in node.tops:
            grown = [axis for axis, sizes in enumerate(zip(now[value], more[value], strict=True)) if len({*sizes}) > 1]
            if len(grown) == 1:
                copies = more[value][grown[0]] - now[value][grown[0]]
                unit_axis = _unit_axis(node, grown[0], now, layouts)
                layouts[value] = Layout(grown[0], unit_axis, copies, _copies_first(node, layouts))
    return layouts


def _unit_axis(node: Node, image_axis: int, shapes: Mapping[Value, Shape], layouts: Mapping[Value, Layout]) -> int:
    """An InnerProduct says where its units are; others leave them where they were, or have them behind the images."""
    if node.type == "InnerProduct":
        axis = node.layer.inner_product_param.axis
        return axis if axis >= 0 else len(shapes[node.bottoms[0]]) + axis
    known = layouts.get(node.bottoms[0]) if node.bottoms else None
    same_axes = known is not None and len(shapes[node.bottoms[0]]) == len(shapes[node.tops[0]])
    return known.unit_axis if known is not None and same_axes and known.image_axis == image_axis else image_axis + 1


def _copies_first(node: Node, layouts: Mapping[Value, Layout]) -> bool:
    """How a layer leaves the rows of one image: Concat puts blocks one behind the other, Reshape splits every image."""
    if node.type == "Concat" or not node.bottoms:
        return True
    before = layouts.get(node.bottoms[0], USUAL)
    return before.copies_first if before.copies > 1 else before.image_axis > 0


def by(shape: Sequence[int]) -> str:
    """Such as ``1 x 3 x 227 x 227``."""
    return " x ".join(map(str, shape))
