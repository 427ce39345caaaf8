"""How a net of stock Caffe is written for a target: rewrites that keep what it computes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from prototxt.formats.schema import LayerParameter, NetParameter, PoolingParameter
from prototxt.formats.weights import Weights
from prototxt.net.graph import NetGraph, Node, Value
from prototxt.net.shape_rules import Shape
from prototxt.net.shapes import infer_shapes
from prototxt.net.windows import pooled_size, pooling_windows
from prototxt.rewrite.rewritten import Rewritten, Top, without_layers
from prototxt.targets.registry import REWRITES


@REWRITES.register("floor_pooling")
def floor_pooling(net: NetParameter, weights: Weights) -> Rewritten:
    """``round_mode: FLOOR`` in place of a pooling whose surplus row and column are cut by Slice or Crop."""
    graph = NetGraph(net)
    shapes = infer_shapes(graph).values
    gone: dict[str, int] = {}
    blobs: dict[str, str] = {}
    moved: dict[Top, Top | None] = {}
    rounded: set[str] = set()
    for node in graph.layers:
        cuts = _cuts_to_floor(graph, node, shapes) if node.type == "Pooling" and len(node.tops) == 1 else []
        if cuts:
            gone |= {cut.name: 0 for cut in cuts}
            moved |= {(each.name, 0): None for each in (node, *cuts)} | {(cuts[-1].name, 0): (node.name, 0)}
            blobs[node.tops[0].blob] = cuts[-1].tops[0].blob
            rounded.add(node.name)
    new, _ = without_layers(net, gone)
    for layer in new.layer:
        if layer.name in rounded:
            layer.pooling_param.round_mode = PoolingParameter.FLOOR
        layer.bottom[:] = [blobs.get(bottom, bottom) for bottom in layer.bottom]
        layer.top[:] = [blobs.get(top, top) for top in layer.top]
    return _without_unread(Rewritten(new, weights, moved, blobs), {value.blob for value in graph.outputs})


def _cuts_to_floor(graph: NetGraph, pool: Node, shapes: Mapping[Value, Shape]) -> list[Node]:
    """The layers behind a pooling that cut it to the size that rounding down would give; none where they do not."""
    cuts = _cuts(graph, pool)
    wanted = _floor_size(pool.layer, shapes[pool.bottoms[0]]) if cuts else ()
    ends = [place for place, cut in enumerate(cuts, start=1) if shapes[cut.tops[0]][2:] == wanted]
    return cuts[: ends[0]] if ends else []


def _cuts(graph: NetGraph, pool: Node) -> list[Node]:
    """Layers behind a pooling that keep its first rows or columns, and are its only readers."""
    cuts: list[Node] = []
    value = pool.tops[0]
    while True:
        readers = graph.consumers(value)
        if len(readers) != 1 or not _keeps_first(graph, readers[0], value):
            return cuts
        cuts.append(readers[0])
        value = readers[0].tops[0]


def _keeps_first(graph: NetGraph, node: Node, value: Value) -> bool:
    """Whether a layer keeps the first rows or columns of ``value`` and nothing else is made of the others."""
    if not node.bottoms or node.bottoms[0] != value:
        return False
    if node.type == "Crop":
        return node.layer.crop_param.axis >= 2 and not any(node.layer.crop_param.offset)
    junk = [reader.type for top in node.tops[1:] for reader in graph.consumers(top)]
    return node.type == "Slice" and node.layer.slice_param.axis >= 2 and set(junk) <= {"Silence"}


def _floor_size(layer: LayerParameter, bottom: Shape) -> tuple[int, ...]:
    """(height, width) of a pooling that rounds down."""
    windows = pooling_windows(layer, bottom[2], bottom[3])
    padded = any(window.pad for window in windows)
    return tuple(pooled_size(*each, padded, ceil=False) for each in zip(bottom[2:], windows, strict=True))


def _without_unread(result: Rewritten, outputs: set[str]) -> Rewritten:
    """Leave out layers that make nothing that is read or was an output, and what Silence read of them."""
    net = NetParameter()
    net.CopyFrom(result.net)
    while True:
        made = {top for layer in net.layer for top in layer.top}
        for layer in net.layer:
            if layer.type == "Silence":
                layer.bottom[:] = [bottom for bottom in layer.bottom if bottom in made]
        wanted = outputs | {bottom for layer in net.layer for bottom in layer.bottom}
        kept = [
            layer
            for layer in net.layer
            if layer.type == "Input" or (layer.bottom and (not layer.top or not wanted.isdisjoint(layer.top)))
        ]
        if len(kept) == len(net.layer):
            break
        copies = [LayerParameter.FromString(layer.SerializeToString()) for layer in kept]
        del net.layer[:]
        net.layer.extend(copies)
    present = {layer.name for layer in net.layer}
    weights = {name: arrays for name, arrays in result.weights.items() if name in present}
    gone: dict[Top, Top | None] = {(layer.name, 0): None for layer in result.net.layer if layer.name not in present}
    return Rewritten(net, weights, gone | dict(result.moved), result.blobs, result.notes)


@REWRITES.register("global_statistics")
def global_statistics(net: NetParameter, weights: Weights) -> Rewritten:
    """``use_global_stats: true`` in every BatchNorm: what Caffe does in the phase TEST without being told."""
    new = NetParameter()
    new.CopyFrom(net)
    for layer in new.layer:
        if layer.type == "BatchNorm" and not layer.batch_norm_param.HasField("use_global_stats"):
            layer.batch_norm_param.use_global_stats = True
    return Rewritten(new, weights)


@REWRITES.register("no_dropout")
def no_dropout(net: NetParameter, weights: Weights) -> Rewritten:
    """No Dropout, which computes nothing in the phase TEST."""
    names = {layer.name: 0 for layer in net.layer if layer.type == "Dropout"}
    new, blobs = without_layers(net, names)
    return Rewritten(new, weights, {(name, 0): None for name in names}, blobs)


@REWRITES.register("bias_as_scale")
def bias_as_scale(net: NetParameter, weights: Weights) -> Rewritten:
    """A Scale by one with a bias in place of a Bias with a constant."""
    new = NetParameter()
    new.CopyFrom(net)
    changed = dict(weights)
    for layer in new.layer:
        if layer.type != "Bias" or len(layer.bottom) != 1 or layer.name not in weights:
            continue
        bias = weights[layer.name][0]
        param = layer.bias_param
        layer.type = "Scale"
        layer.scale_param.axis, layer.scale_param.num_axes = param.axis, param.num_axes
        layer.scale_param.bias_term = True
        layer.ClearField("bias_param")
        if layer.param:
            layer.param.add().CopyFrom(layer.param[0])
            layer.param[0].Clear()
            layer.param[0].lr_mult = layer.param[0].decay_mult = 0
        changed[layer.name] = [np.ones_like(bias), bias]
    return Rewritten(new, changed)
