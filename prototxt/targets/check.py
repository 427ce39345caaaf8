"""What a target would refuse, or silently compute wrong, in a net that parses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from prototxt.common.errors import NetError
from prototxt.common.names import did_you_mean
from prototxt.formats.schema import NetParameter
from prototxt.formats.text import read_message, where
from prototxt.formats.upgrade import upgrade_net
from prototxt.lint import PHASES, lint_net
from prototxt.lint.registry import Finding
from prototxt.net.graph import NetGraph
from prototxt.net.layer_types import LAYER_TYPES
from prototxt.net.phases import filter_net
from prototxt.net.shapes import infer_shapes
from prototxt.targets.target import STOCK, Target

_TYPES = ("known_type", "stock_layers_only")  # rules of stock 1.0 that a target replaces by its own


def lint_for(
    target: Target,
    net: NetParameter,
    path: Path | str | None = None,
    phases: Iterable[str] = PHASES,
    extensions: bool = False,
) -> list[str]:
    """Say what a target would refuse in a net.

    Parameters
    ----------
    net : of any age.
    path : the net's file; findings then begin with ``file:line``.
    phases : the phases that the net is meant for; programs other than Caffe see the net of the phase TEST.
    extensions : of stock Caffe, allow the layers of forks, as `lint_net` does; other programs have their own lists.

    Returns
    -------
    A sentence for each finding, naming the layer.
    """
    if target.name == STOCK:
        return lint_net(net, path, phases, extensions)
    net = upgrade_net(net)
    try:
        tested = filter_net(net, "TEST")
    except NetError as error:
        return [str(error)]
    master = target.branch == "master"
    stock = lint_net(tested, path, ["TEST"], leave_out=(*_TYPES, *["fields_of_master"] * master))
    own = [finding for check in CHECKS for finding in check(target, tested)]
    types = {layer.name: layer.type for layer in reversed(tested.layer)}
    return [*stock, *(_sentence(target, finding, types, path) for finding in dict.fromkeys(own))]


def _types(target: Target, net: NetParameter) -> Iterator[Finding]:
    """Layer types that the program has."""
    allowed = allowed_types(target)
    for layer in net.layer:
        if layer.type not in allowed:
            hint = did_you_mean(layer.type, allowed, "write it with other layers")
            yield Finding(layer.name, f"there is no layer type '{layer.type}'; {hint}")


def allowed_types(target: Target) -> set[str]:
    """Layer types that a target has."""
    stock = {name for name, known in LAYER_TYPES.items() if target.branch == "master" or not known.master_only}
    return (stock - set(target.without)) | set(target.extra)


def _fields(target: Target, net: NetParameter) -> Iterator[Finding]:
    """Fields with values that the program takes."""
    for layer in net.layer:
        for rule in target.fields:
            if layer.type not in rule.types:
                continue
            found, value = _value(layer, rule.field)
            if not found:
                continue
            size = len(value) if hasattr(value, "append") else value
            wrong = value != rule.equals if rule.equals is not None else rule.most is not None and size > rule.most
            if wrong:
                yield Finding(layer.name, f"has {rule.field.rpartition('.')[2]} {_shown(value)}; {rule.why}")


def _value(message: Message, path: str) -> tuple[bool, Any]:
    """The value of a field of a field, defaults included; False where the schema has no such field."""
    value: Any = message
    for name in path.split("."):
        if not isinstance(value, Message) or name not in value.DESCRIPTOR.fields_by_name:
            return False, None
        value = getattr(value, name)
    return True, value


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sizes(target: Target, net: NetParameter) -> Iterator[Finding]:
    """Blobs of no more axes, and no higher or wider, than the program takes."""
    if not (target.axes or target.extent):
        return
    try:
        graph = NetGraph(net)
        shapes = infer_shapes(graph).values
    except NetError as error:
        yield Finding("", f"shapes are not known: {error}")
        return
    for value, shape in shapes.items():
        maker = graph.producer(value).name
        if target.axes and len(shape) > target.axes:
            yield Finding(maker, f"its top '{value.blob}' has the shape {shape}; at most {target.axes} axes are taken")
        if target.extent and len(shape) == 4 and max(shape[2:]) > target.extent:
            yield Finding(maker, f"its top '{value.blob}' is {shape[2]}x{shape[3]}; at most {target.extent} are taken")


def _outputs(target: Target, net: NetParameter) -> Iterator[Finding]:
    """No more outputs than the program gives."""
    if target.outputs:
        outputs = NetGraph(net).outputs
        if len(outputs) > target.outputs:
            yield Finding("", f"the net has {len(outputs)} outputs; at most {target.outputs} are given")


def _names(target: Target, net: NetParameter) -> Iterator[Finding]:
    """Names that the program takes."""
    for layer in net.layer:
        bad = [name for name in (layer.name, *layer.top) if not name[:1].isalpha()]
        if target.plain_names and bad:
            yield Finding(layer.name, f"the name {bad[0]!r} must begin with a letter")
    if target.unique_names:
        for name, count in Counter(layer.name for layer in net.layer).items():
            if count > 1:
                yield Finding(name, f"{count} layers have this name; give each its own")


CHECKS: tuple[Callable[[Target, NetParameter], Iterator[Finding]], ...] = (_types, _fields, _sizes, _outputs, _names)


def _sentence(target: Target, finding: Finding, types: dict[str, str], path: Path | str | None) -> str:
    place = f"{where(path, finding.layer)}: " if path is not None and finding.layer else ""
    about = f"layer '{finding.layer}' ({types[finding.layer]}): " if finding.layer in types else ""
    return f"{place}{about}{target.title}: {finding.sentence}"


def unknown_to_caffe(target: Target, path: Path | str) -> list[str]:
    """Say which fields of a net's file BVLC's Caffe cannot parse that reading the net takes away.

    A ``ceil_mode: true`` means what Caffe does anyway; ``false`` becomes ``round_mode``, of which `lint_for` speaks.
    """
    if target.name not in (STOCK, "caffe-master"):
        return []
    return [
        f"{where(path, layer.name)}: layer '{layer.name}' (Pooling): has ceil_mode, a fork's field, so that "
        f"{target.title} cannot read the file; delete it"
        for layer in read_message(path, NetParameter).layer
        if layer.pooling_param.HasField("ceil_mode") and layer.pooling_param.ceil_mode
    ]


def types_disagree(net: NetParameter, stored: NetParameter) -> list[str]:
    """Say which layers of a caffemodel have another type than the prototxt gives the layer of that name."""
    types = {layer.name: layer.type for layer in net.layer}
    return [
        f"layer '{layer.name}' is {types[layer.name]} in the prototxt, but {layer.type} in the caffemodel; "
        "write the caffemodel again"
        for layer in stored.layer
        if types.get(layer.name, layer.type) != layer.type
    ]
