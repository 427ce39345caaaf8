"""Names of layers: other ones, and those that Caffe's users know a plain net by."""

from __future__ import annotations

from collections.abc import Mapping

from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.formats.weights import Weights
from prototxt.net.graph import NetGraph
from prototxt.rewrite.rewritten import Rewritten

PREFIXES = {
    "AbsVal": "abs",
    "BatchNorm": "bn",
    "Concat": "concat",
    "Convolution": "conv",
    "Deconvolution": "deconv",
    "Dropout": "drop",
    "Eltwise": "eltwise",
    "Flatten": "flatten",
    "InnerProduct": "fc",
    "LRN": "norm",
    "PReLU": "prelu",
    "Pooling": "pool",
    "ReLU": "relu",
    "Reshape": "reshape",
    "Scale": "scale",
    "Softmax": "prob",
}
"""What Caffe's users call a layer of a type; the others are called after their type in small letters."""

_COUNTED = ("Convolution", "Deconvolution", "InnerProduct")  # a plain net is numbered by these


def rename_layers(net: NetParameter, weights: Weights, names: Mapping[str, str]) -> Rewritten:
    """Give layers other names, and the blobs that are called after them (or ``layer/part``) too.

    Parameters
    ----------
    names : new by old name of an operation: the layer of that name, and every one called ``old/part``.
    """
    renamed = NetParameter()
    renamed.CopyFrom(net)

    def new(name: str) -> str:
        operation, slash, part = name.partition("/")
        if name in names:
            return names[name]
        return names[operation] + slash + part if operation in names else name

    inputs = {top for layer in net.layer if layer.type == "Input" for top in layer.top}
    blobs = {top: new(top) for layer in net.layer for top in layer.top if top not in inputs and new(top) != top}
    for layer in renamed.layer:
        if layer.type != "Input":
            layer.name = new(layer.name)
        layer.bottom[:] = [blobs.get(bottom, bottom) for bottom in layer.bottom]
        layer.top[:] = [blobs.get(top, top) for top in layer.top]
    layers = {layer.name: each.name for layer, each in zip(net.layer, renamed.layer, strict=True)}
    return Rewritten(
        renamed,
        {layers[name]: arrays for name, arrays in weights.items()},
        {(old.name, n): (layers[old.name], n) for old in net.layer for n in range(len(old.top))},
        blobs,
    )


def valid_names(net: NetParameter) -> dict[str, str]:
    """New names for operations whose name begins with a digit, as the layers of an nn.Sequential do: ``conv0``.

    Programs that make variables of the names (compilers of embedded chips among them) take no others.
    """
    operations = _operations(net)
    taken = set(operations)
    names = {}
    for name, layers in operations.items():
        if name[:1].isdigit():
            names[name] = _free(f"{prefix(main_layer(name, layers))}{name}", taken)
    return names


def caffe_names(net: NetParameter) -> dict[str, str] | None:
    """Names such as conv1, relu1, pool1 … fc8, prob for the operations of a plain net; None for one with branches.

    A convolution or fully connected layer counts up; what follows has its number.
    """
    if not _is_plain(net):
        return None
    names: dict[str, str] = {}
    number = 0
    taken: set[str] = {"data"}
    for name, layers in _operations(net).items():
        main = main_layer(name, layers)
        number += main.type in _COUNTED
        numbered = main.type != "Softmax"
        names[name] = _free(f"{prefix(main)}{max(number, 1)}" if numbered else prefix(main), taken)
    return names


def prefix(layer: LayerParameter) -> str:
    """What layers of this type are called."""
    return PREFIXES.get(layer.type, layer.type.lower())


def main_layer(name: str, layers: list[LayerParameter]) -> LayerParameter:
    """The layer that an operation of several is called after: the first with units, else the one of its own name."""
    counted = [layer for layer in layers if layer.type in _COUNTED and not _is_frozen(layer)]
    made = [layer for layer in layers if layer.type not in ("Slice", "Crop", "Silence")]
    named = [layer for layer in made if layer.name == name]
    return (counted or named or made or layers)[0]


def _operations(net: NetParameter) -> dict[str, list[LayerParameter]]:
    """The layers of every operation: all that are called ``operation`` or ``operation/part``, in the net's order."""
    operations: dict[str, list[LayerParameter]] = {}
    for layer in net.layer:
        if layer.type not in ("Input", "Silence"):
            operations.setdefault(layer.name.partition("/")[0], []).append(layer)
    return operations


def _is_plain(net: NetParameter) -> bool:
    """Whether every operation reads the one before it, and no other."""
    graph = NetGraph(net)
    sources: dict[str, set[str]] = {}
    for node in graph.layers:
        operation = node.name.partition("/")[0]
        if node.type != "Silence":
            makers = {graph.producer(value).name.partition("/")[0] for value in node.bottoms}
            sources.setdefault(operation, set()).update(makers - {operation})
    return all(makers == {before} for before, makers in zip(sources, list(sources.values())[1:], strict=False))


def _is_frozen(layer: LayerParameter) -> bool:
    return bool(layer.param) and all(spec.lr_mult == 0 for spec in layer.param)


def _free(name: str, taken: set[str]) -> str:
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free)
    return free
