"""The net that is used: data layers become inputs, losses what they say in TEST, and what only measures is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from converters.errors import ConversionError
from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.net.graph import AUTO_TOP, NetGraph, Node, Value
from prototxt.net.layer_types import LOSS_TYPES
from prototxt.net.phases import filter_net
from prototxt.net.shape_rules import SHAPE_RULES
from prototxt.net.shape_rules.inputs import ShapeNotInFieldsError

DATA_TYPES = frozenset({"Data", "HDF5Data", "ImageData", "MemoryData", "WindowData"})
LAYER_OF_LOSS = {"SoftmaxWithLoss": "Softmax", "InfogainLoss": "Softmax", "SigmoidCrossEntropyLoss": "Sigmoid"}
"""What a loss computes of its first bottom before it looks at the labels."""
DROPPED_TYPES = (LOSS_TYPES - LAYER_OF_LOSS.keys()) | {"Accuracy", "HDF5Output"}
FIRST_LABEL = {"ContrastiveLoss": 2, "EuclideanLoss": 2}
"""From which bottom on a loss or Accuracy reads labels rather than results; 1 where nothing is said."""


@dataclass(frozen=True)
class InferenceNet:
    """A net of the phase TEST without losses.

    Attributes
    ----------
    net : with Input layers only where data comes in.
    notes : a sentence for everything that was changed or left out.
    """

    net: NetParameter
    notes: tuple[str, ...]


def inference_net(net: NetParameter, input_shapes: Mapping[str, Sequence[int]] | None = None) -> InferenceNet:
    """Make the net that is used of a net that is trained; one that has no data layers and losses stays as it is.

    Parameters
    ----------
    net : in the newest form, of any phase; its layers of TEST are taken.
    input_shapes : shapes of blobs that Input and data layers bring, where the prototxt does not say them or they shall
        be others.

    Raises
    ------
    ConversionError : for Python layers, which only their code knows, and inputs without a shape.
    NetError : for a net that Caffe would refuse.
    """
    net = filter_net(net, "TEST")
    _refuse_python(net.layer)
    given = dict(input_shapes or {})
    graph = NetGraph(net)
    for blob in given:
        if graph.producer(graph.value(blob)).bottoms:
            raise ConversionError(f"--input-shape {blob}: is no input of the net, but computed from other blobs")
    notes: list[str] = []
    measured: set[Value] = set()
    layers = [made for node in graph.layers for made in _rewritten(node, graph, given, measured, notes)]
    kept = _without_unread(layers, _unwanted(graph), notes)
    changed = NetParameter(name=net.name, layer=kept)
    if not any(layer.type == "Input" for layer in kept):
        raise ConversionError(
            "nothing is left of the net in TEST that computes something of an input; give a deploy prototxt"
        )
    return InferenceNet(changed, tuple(notes))


def _refuse_python(layers: Iterable[LayerParameter]) -> None:
    found = [
        f"{layer.name!r} ({layer.python_param.module}.{layer.python_param.layer})"
        for layer in layers
        if layer.type == "Python"
    ]
    if found:
        raise ConversionError(
            f"what Python layers compute is in their code only, which cannot be converted: {', '.join(found)}; cut "
            "them off the prototxt, or replace them by layers of Caffe"
        )


def _rewritten(
    node: Node, graph: NetGraph, given: Mapping[str, Sequence[int]], measured: set[Value], notes: list[str]
) -> list[LayerParameter]:
    """What stands in the place of a layer."""
    if node.type in DATA_TYPES or node.type == "Input" or _is_random(node.layer):
        return _inputs(node, graph, given, notes)
    if node.type in DROPPED_TYPES or any(value in measured for value in node.bottoms):
        notes.append(f"{node}: left out, as it only measures or stores")
        measured.update(node.tops)
        return []
    if node.type not in LAYER_OF_LOSS:
        return [node.layer]
    made = LayerParameter(name=node.name, type=LAYER_OF_LOSS[node.type], bottom=[node.layer.bottom[0]])
    if node.type == "InfogainLoss":
        made.softmax_param.axis = node.layer.infogain_loss_param.axis
    elif node.layer.HasField("softmax_param"):
        made.softmax_param.CopyFrom(node.layer.softmax_param)
    second = len(node.layer.top) > 1
    measured.add(node.tops[0])
    made.top.append(node.layer.top[1] if second else _free_name("prob", node, graph))
    notes.append(f"{node}: became {made.type}, blob {made.top[0]!r}; its labels are not needed")
    return [made]


def _free_name(wanted: str, node: Node, graph: NetGraph) -> str:
    """``wanted`` for the first loss that takes it, unless the net has such a blob; else with the layer's name."""
    taken = {value.blob for value in graph.values} | {AUTO_TOP}
    first = next(other for other in graph.layers if other.type in LAYER_OF_LOSS and len(other.layer.top) < 2)
    return wanted if wanted not in taken and node is first else f"{node.name}/{wanted}"


def _is_random(layer: LayerParameter) -> bool:
    """Whether a DummyData layer brings noise in place of data."""
    fillers = layer.dummy_data_param.data_filler
    return layer.type == "DummyData" and any(filler.type not in ("", "constant") for filler in fillers)


def _inputs(node: Node, graph: NetGraph, given: Mapping[str, Sequence[int]], notes: list[str]) -> list[LayerParameter]:
    """An Input layer for every blob of a layer that brings data; pictures of a data layer come one by one."""
    shapes = _shapes(node)
    if node.type != "Input":
        notes.append(f"{node}: what it brings has become inputs of the net")
    made = []
    for place, top in enumerate(node.tops):
        shape = given.get(top.blob) or (shapes[place] if shapes else None)
        if shape is None and not graph.consumers(top):
            continue
        if shape and node.type in DATA_TYPES and top.blob not in given:
            shape = (1, *shape[1:])
        name = node.name if len(node.tops) == 1 else top.blob
        layer = LayerParameter(name=name, type="Input", top=[top.blob])
        if shape is not None:  # one that is needed and missing is missed when it is known to be needed
            layer.input_param.shape.add().dim.extend(shape)
        made.append(layer)
    return made


def _shapes(node: Node) -> Sequence[Sequence[int]] | None:
    try:
        return SHAPE_RULES.find(node.type, f"layer {node.name!r}")(node, []).tops
    except ShapeNotInFieldsError:
        return None


def _unwanted(graph: NetGraph) -> set[str]:
    """Blobs that only losses and Accuracy read, as labels."""
    as_label: set[str] = set()
    otherwise: set[str] = set()
    for node in graph.layers:
        is_measure = node.type in LOSS_TYPES or node.type in DROPPED_TYPES
        first = FIRST_LABEL.get(node.type, 1) if is_measure else len(node.bottoms)
        if node.type == "HDF5Output":
            first = 1
        otherwise.update(value.blob for value in node.bottoms[:first])
        as_label.update(value.blob for value in node.bottoms[first:])
    return as_label - otherwise


def _without_unread(layers: list[LayerParameter], unwanted: set[str], notes: list[str]) -> list[LayerParameter]:
    """Leave out, from the end, what only brings unwanted blobs, and inputs that nobody reads."""
    kept: list[LayerParameter] = []
    readers = Counter(blob for layer in layers for blob in layer.bottom)
    for layer in reversed(layers):
        in_place = set(layer.top) & set(layer.bottom)
        unread = all(not readers[top] - (top in in_place) for top in layer.top)
        label_only = bool(layer.top) and all(top in unwanted for top in layer.top)
        if unread and (label_only or layer.type == "Input"):
            readers.subtract(layer.bottom)
            unwanted.update(blob for blob in layer.bottom if not readers[blob])
            notes.append(f"layer {layer.name!r} ({layer.type}): left out, as only labels came of it")
            continue
        if layer.type == "Input" and not layer.input_param.shape:
            raise ConversionError(
                f"layer {layer.name!r}: the prototxt does not say the shape of the input {layer.top[0]!r}; give it: "
                f"--input-shape {layer.top[0]}=1,3,224,224"
            )
        kept.append(layer)
    kept.reverse()
    return kept
