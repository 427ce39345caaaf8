"""A net as real Caffe is given it for the window: one image, every value in a blob of its own, gradients everywhere."""

from __future__ import annotations

from collections.abc import Mapping

from deepvis.model.feed import Shape
from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.net.graph import NetGraph, Value


def apart(graph: NetGraph, declared: Mapping[str, Shape]) -> tuple[NetParameter, dict[Value, str]]:
    """Write a net so that nothing is in place: Caffe then keeps every value and its gradient until the pass is over.

    What it computes stays the same: an in-place layer reads what it would have overwritten.

    Parameters
    ----------
    graph : of the TEST phase.
    declared : shapes of its Input blobs.

    Returns
    -------
    The net, with ``force_backward`` and without fillers (weights are given later), and the blob of every value.
    """
    names = blob_names(graph)
    net = NetParameter(name=graph.net.name, force_backward=True)
    for node in graph.layers:
        layer = net.layer.add()
        layer.CopyFrom(node.layer)
        layer.bottom[:] = [names[value] for value in node.bottoms]
        layer.top[:] = [names[value] for value in node.tops if value in names]
        for field in ("include", "exclude"):  # this is the net of the phase already
            layer.ClearField(field)
        _leave_fillers_out(layer)
        if node.type == "Input":
            _declare(layer, [tuple(declared.get(value.blob, ())) for value in node.tops])
    return net, names


def blob_names(graph: NetGraph) -> dict[Value, str]:
    """Give each value that a layer names a blob of its own; the first one keeps its name."""
    named = {value for node in graph.layers for value in node.tops if value.blob in node.layer.top}
    taken = {value.blob for value in named}
    names = {}
    for value in graph.values:
        if value not in named:
            continue
        name = str(value)
        while value.version and name in taken:
            name += "@"
        taken.add(name)
        names[value] = name
    return names


def _declare(layer: LayerParameter, shapes: list[Shape]) -> None:
    if all(shapes):
        layer.input_param.ClearField("shape")
        for shape in shapes:
            layer.input_param.shape.add(dim=shape)


def _leave_fillers_out(layer: LayerParameter) -> None:
    """Caffe would spend seconds on numbers that the weights replace."""
    for field, value in layer.ListFields():
        if field.name.endswith("_param") and hasattr(value, "DESCRIPTOR"):
            for inner in value.DESCRIPTOR.fields:
                if inner.name.endswith("_filler"):
                    value.ClearField(inner.name)
