"""Shapes of every blob and parameter of a net by Caffe's rules (`prototxt.net.shape_rules`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from prototxt.common.errors import NetError
from prototxt.formats.schema import NetParameter, ParamSpec
from prototxt.net.graph import NetGraph, Node, Value
from prototxt.net.shape_rules import SHAPE_RULES, LayerShapes, Shape
from prototxt.net.shape_rules.inputs import ShapeNotInFieldsError

Ask = Callable[[Node, Sequence[Shape]], Sequence[Shape]]


@dataclass(frozen=True)
class Shapes:
    """Shapes of a net.

    Attributes
    ----------
    values : the shape of every value.
    params : the shapes of the parameter blobs of every layer that has some, by layer name, in Caffe's order.
    """

    values: dict[Value, Shape]
    params: dict[str, list[Shape]]

    def blob(self, name: str) -> Shape:
        """Return the shape of blob ``name`` after a whole forward pass.

        Raises
        ------
        NetError : if the net has no such blob.
        """
        versions = [value for value in self.values if value.blob == name]
        if not versions:
            raise NetError(f"the net has no blob {name!r}")
        return self.values[versions[-1]]


def infer_shapes(
    net: NetParameter | NetGraph, input_shapes: Mapping[str, Sequence[int]] | None = None, ask: Ask | None = None
) -> Shapes:
    """Return the shapes of all values and parameters of a net.

    Parameters
    ----------
    net : the net of one phase, or its graph.
    input_shapes : shapes of blobs that Input, data and Python layers make; they replace what the layer says, and are
        needed where only a file or Python code knows (Data, HDF5Data, ImageData without crop or resize).
    ask : called with a layer whose tops only its Python code knows and the shapes of its bottoms; gives those of its
        tops.

    Raises
    ------
    NetError : naming the layer, what it got and what is allowed, for settings that Caffe would refuse, an unknown
        layer type, or a shape that only a file knows and ``input_shapes`` does not give.
    """
    graph = net if isinstance(net, NetGraph) else NetGraph(net)
    given = {blob: tuple(int(size) for size in shape) for blob, shape in (input_shapes or {}).items()}
    shapes = Shapes({}, {})
    for blob in given:
        _require_source(graph, blob)
    for node in graph.layers:
        layer_shapes = _layer_shapes(node, [shapes.values[value] for value in node.bottoms], given, ask)
        shapes.values.update(zip(node.tops, layer_shapes.tops, strict=True))
        if layer_shapes.params:
            if node.name in shapes.params:
                raise NetError(f"{node}: another layer with parameters has this name; weights are stored by layer name")
            shapes.params[node.name] = list(layer_shapes.params)
    _check_shared(graph, shapes)
    return shapes


def _layer_shapes(node: Node, bottoms: list[Shape], given: Mapping[str, Shape], ask: Ask | None) -> LayerShapes:
    rule = SHAPE_RULES.find(node.type, f"layer {node.name!r}")
    replaced = [given.get(top.blob) for top in node.tops]
    try:
        found = rule(node, bottoms)
    except ShapeNotInFieldsError as error:
        if None in replaced and ask is not None and node.bottoms:
            return LayerShapes(ask(node, bottoms))
        if None in replaced:
            raise NetError(f"{error}; give input_shapes for {', '.join(top.blob for top in node.tops)}") from None
        return LayerShapes([shape for shape in replaced if shape is not None])
    tops = [shape or own for shape, own in zip(replaced, found.tops, strict=True)]
    return LayerShapes(tops, found.params)


def _check_shared(graph: NetGraph, shapes: Shapes) -> None:
    """Check that parameters of one name fit each other (net.cpp, AppendParam)."""
    owners: dict[str, tuple[Node, Shape]] = {}
    for node in graph.layers:
        for spec, shape in zip(node.layer.param, shapes.params.get(node.name, []), strict=False):
            owner, owned = owners.setdefault(spec.name, (node, shape))
            permissive = spec.share_mode == ParamSpec.PERMISSIVE
            if spec.name and not (prod(owned) == prod(shape) if permissive else owned == shape):
                raise NetError(
                    f"{node}: shares parameter {spec.name!r} with {owner}, but their shapes {shape} and {owned} differ"
                )


def _require_source(graph: NetGraph, blob: str) -> None:
    graph.value(blob)
    node = graph.producer(Value(blob))
    if node.bottoms and node.type != "Python":
        raise NetError(f"input_shapes: blob {blob!r} is made by {node} from other blobs, so its shape cannot be given")
