"""``caffe.draw``: a net as a graph of layers and blobs, in Graphviz' language or as a picture that ``dot`` makes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from prototxt.common import atomic
from prototxt.common.errors import InputError
from prototxt.formats.schema import LayerParameter, NetParameter, NetStateRule, PoolingParameter
from prototxt.formats.upgrade import upgrade_net
from torchcaffe.pycaffe.messages import as_ours

LAYER_STYLE_DEFAULT = {"shape": "record", "fillcolor": "#6495ED", "style": "filled"}
NEURON_LAYER_STYLE = {"shape": "record", "fillcolor": "#90EE90", "style": "filled"}
BLOB_STYLE = {"shape": "octagon", "fillcolor": "#E0E0E0", "style": "filled"}

_COLORS = {
    "Convolution": "#FF5050",
    "Deconvolution": "#FF5050",
    "Pooling": "#FF9900",
    "InnerProduct": "#CC33FF",
}
_LEARNING = ("Convolution", "Deconvolution", "InnerProduct")
_TEXT = ("raw", "dot", "gv")


def get_pooling_types_dict() -> dict[int, str]:
    """Names of the pooling methods by number."""
    return {number: name for name, number in PoolingParameter.PoolMethod.items()}


def get_edge_label(layer: LayerParameter) -> str:
    """What stands at the edge to a layer's tops: how many units or rows; ``""`` in quotes for other layers."""
    if layer.type == "Data":
        return f"Batch {layer.data_param.batch_size}"
    if layer.type in ("Convolution", "Deconvolution"):
        return str(layer.convolution_param.num_output)
    if layer.type == "InnerProduct":
        return str(layer.inner_product_param.num_output)
    return '""'


def get_layer_lr_mult(layer: LayerParameter) -> tuple[float, float]:
    """Multipliers of the learning rate of weights and bias.

    Raises
    ------
    ValueError : it is no Convolution, Deconvolution or InnerProduct, or has more than two.
    """
    if layer.type not in _LEARNING:
        raise ValueError(f"{layer.type} layers do not have a learning rate multiplier")
    if len(layer.param) > 2:
        raise ValueError(f"Could not parse the learning rate multiplier: {layer.name} has {len(layer.param)} of them")
    first, second, *_ = [*(spec.lr_mult for spec in layer.param), 1.0, 1.0]
    return first, second


def get_layer_label(layer: LayerParameter, rankdir: str, display_lrm: bool = False) -> str:
    """What stands in a layer's box, in quotes: name, type, window, multipliers of the learning rate.

    Parameters
    ----------
    rankdir : way of the drawing: ``TB``, ``BT`` (words side by side) or ``LR``, ``RL`` (below each other).
    display_lrm : whether the multipliers are shown.
    """
    separator = " " if rankdir in ("TB", "BT") else r"\n"
    words = [layer.name, f"({layer.type})"]
    if layer.type == "Pooling":
        words[1] = f"({layer.type} {get_pooling_types_dict()[layer.pooling_param.pool]})"
    if layer.type in ("Convolution", "Deconvolution", "Pooling"):
        param = layer.pooling_param if layer.type == "Pooling" else layer.convolution_param
        window = (("kernel size", "kernel", 1), ("stride", "stride", 1), ("pad", "pad", 0))
        words.append(separator.join(f"{what}: {_extent(param, field, default)}" for what, field, default in window))
    if display_lrm and layer.type in _LEARNING:
        rates = get_layer_lr_mult(layer)
        if any(rates):
            words.append("lr mult: {:.1f}, {:.1f}".format(*rates))
    return f'"{separator.join(words)}"'


def choose_color_by_layertype(layertype: str) -> str:
    """Fill colour of a layer's box."""
    return _COLORS.get(layertype, LAYER_STYLE_DEFAULT["fillcolor"])


def get_dot(
    caffe_net: NetParameter,
    rankdir: str,
    label_edges: bool = True,
    phase: int | None = None,
    display_lrm: bool = False,
) -> str:
    """A net in Graphviz' language.

    Parameters
    ----------
    caffe_net : of any age, and from any ``caffe_pb2``.
    rankdir : ``LR``, ``RL``, ``TB`` or ``BT``.
    label_edges : whether numbers of units stand at the edges.
    phase : only the layers of ``TRAIN`` or of ``TEST``.
    display_lrm : whether multipliers of the learning rate are shown.

    Raises
    ------
    ValueError : a layer has both ``include`` and ``exclude``, and a phase is given.
    """
    net = upgrade_net(as_ours(caffe_net, NetParameter))
    layers = [layer for layer in net.layer if phase is None or _runs_in(layer, phase)]
    lines = [f"digraph {_quoted(net.name or 'Net')} {{", f"rankdir={rankdir};"]
    lines += dict.fromkeys(line for layer in layers for line in _nodes(layer, rankdir, display_lrm))
    lines += [line for layer in layers for line in _edges(layer, label_edges)]
    return "\n".join([*lines, "}", ""])


def get_pydot_graph(
    caffe_net: NetParameter,
    rankdir: str,
    label_edges: bool = True,
    phase: int | None = None,
    display_lrm: bool = False,
) -> Any:
    """A net as a graph of pydot; arguments as `get_dot`.

    Raises
    ------
    InputError : pydot is not installed.
    """
    try:
        import pydot  # type: ignore[import-not-found]
    except ImportError:
        raise InputError("get_pydot_graph needs pydot: pip install pydot; get_dot gives the same as text") from None
    return pydot.graph_from_dot_data(get_dot(caffe_net, rankdir, label_edges, phase, display_lrm))[0]


def draw_net(
    caffe_net: NetParameter, rankdir: str, ext: str = "png", phase: int | None = None, display_lrm: bool = False
) -> bytes:
    """Draw a net.

    Parameters
    ----------
    caffe_net, rankdir, phase, display_lrm : as `get_dot`.
    ext : kind of file, as ``dot -T`` knows it; ``raw``, ``dot`` and ``gv`` are Graphviz' language, which needs no
        ``dot``.

    Returns
    -------
    The file's content.

    Raises
    ------
    InputError : Graphviz is not installed, or does not know the kind of file.
    """
    text = get_dot(caffe_net, rankdir, phase=phase, display_lrm=display_lrm).encode()
    if ext in _TEXT:
        return text
    program = shutil.which("dot")
    if program is None:
        raise InputError(f"drawing a .{ext} needs the program dot of Graphviz, which is not installed; .dot needs none")
    done = subprocess.run([program, f"-T{ext}"], input=text, capture_output=True, check=False)
    if done.returncode:
        raise InputError(f"dot cannot draw a .{ext}: {done.stderr.decode(errors='replace').strip().splitlines()[0]}")
    return done.stdout


def draw_net_to_file(
    caffe_net: NetParameter,
    filename: str | Path,
    rankdir: str = "LR",
    phase: int | None = None,
    display_lrm: bool = False,
) -> None:
    """Draw a net into a file, of the kind that its name says; as `draw_net`."""
    extension = Path(filename).suffix.removeprefix(".")
    atomic.write_bytes(filename, draw_net(caffe_net, rankdir, extension, phase, display_lrm))


def _runs_in(layer: LayerParameter, phase: int) -> bool:
    if layer.include and layer.exclude:
        raise ValueError(f"layer {layer.name} has both include and exclude specified.")
    if layer.include:
        return any(_allows(rule, phase) for rule in layer.include)
    return not any(rule.HasField("phase") and rule.phase == phase for rule in layer.exclude)


def _allows(rule: NetStateRule, phase: int) -> bool:
    return not rule.HasField("phase") or rule.phase == phase


def _extent(param: Any, field: str, default: int) -> str:
    """``3``, or ``3x5`` where rows and columns differ."""
    rows, columns = f"{field}_h", f"{field}_w"
    if param.HasField(rows) or param.HasField(columns):
        return f"{getattr(param, rows)}x{getattr(param, columns)}"
    value = getattr(param, "kernel_size" if field == "kernel" else field)
    if isinstance(value, int):
        return str(value)
    shown = value[:1] if len(set(value)) == 1 else value
    return "x".join(map(str, shown)) or str(default)


def _nodes(layer: LayerParameter, rankdir: str, display_lrm: bool) -> Iterator[str]:
    in_place = list(layer.bottom) == list(layer.top) and len(layer.top) == 1
    style = LAYER_STYLE_DEFAULT | {"fillcolor": choose_color_by_layertype(layer.type)}
    label = get_layer_label(layer, rankdir, display_lrm)
    yield _node(_layer_id(layer), label, NEURON_LAYER_STYLE if in_place else style)
    for blob in (*layer.bottom, *layer.top):
        yield _node(f"{blob}_blob", _quoted(blob), BLOB_STYLE)


def _edges(layer: LayerParameter, label_edges: bool) -> Iterator[str]:
    for blob in layer.bottom:
        yield f"{_quoted(f'{blob}_blob')} -> {_quoted(_layer_id(layer))};"
    label = get_edge_label(layer) if label_edges else '""'
    for blob in layer.top:
        shown = "" if label == '""' else f" [label={_quoted(label)}]"
        yield f"{_quoted(_layer_id(layer))} -> {_quoted(f'{blob}_blob')}{shown};"


def _layer_id(layer: LayerParameter) -> str:
    return f"{layer.name}_{layer.type}"


def _node(name: str, label: str, style: Mapping[str, str]) -> str:
    attributes = ", ".join(f"{key}={_quoted(value)}" for key, value in style.items())
    return f"{_quoted(name)} [label={label}, {attributes}];"


def _quoted(text: str) -> str:
    escaped = text.replace('"', r"\"")
    return f'"{escaped}"'
