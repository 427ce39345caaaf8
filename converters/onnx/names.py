"""Names of layers: the places in the PyTorch model where the exporter noted them, else the names of nodes and values.

The exporters note places in three ways: as metadata of a node (``torch.onnx.export(dynamo=True)``), in its name
(``/layer1/layer1.0/conv1/Conv``, since PyTorch 1.13), or only in the names of weights (``layer1.0.conv1.weight``).
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import takewhile

from converters.onnx.graph import OnnxNode

_SCOPES = "pkg.torch.onnx.name_scopes"
_ROLES = ("weight", "bias", "running_mean", "running_var", "kernel", "gamma", "beta", "w_0", "b_0")
_OUTPUTS = re.compile(r"(_output_\d+|:\d+)$")  # what exporters put behind a node's name to name its outputs


def exported_scope(metadata: Mapping[str, str]) -> str:
    """Place of a node in the PyTorch model by its metadata, "" where they do not tell."""
    try:
        scopes = ast.literal_eval(metadata.get(_SCOPES, "[]"))
        return str(scopes[-2]) if len(scopes) > 1 else ""
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):  # whatever the text is
        return ""


def layer_names(nodes: Sequence[OnnxNode], weights: Mapping[str, object]) -> dict[OnnxNode, str]:
    """A readable name for every node; two may have the same.

    A layer is called after its place, ``layer1.0.conv1``, where it is the only node there, else ``layer1.0.add``. A
    node without a place keeps its own name, or, where that is only a number, gets its operator's with the number.

    Parameters
    ----------
    weights : by name.
    """
    places = {node: _place(node, weights) for node in nodes}
    shared = _shared_folder([_own_name(node) for node, place in places.items() if not place])
    uses = Counter(places.values())
    containers = {place[:end] for place in uses for end in range(len(place)) if place[end] == "."}
    return {
        node: _own_name(node).removeprefix(shared)
        if not place
        else place
        if uses[place] == 1 and place not in containers
        else f"{place}.{node.op.lower()}"
        for node, place in places.items()
    }


def identifier(name: str) -> str:
    """The name as that of a torch submodule or parameter, which may not have a dot: letters, digits and ``_``."""
    clean = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "value"
    return f"n{clean}" if clean[0].isdigit() else clean


def _place(node: OnnxNode, weights: Mapping[str, object]) -> str:
    return node.scope or _place_in_name(node.name) or _place_of_weights(node, weights)


def _place_in_name(name: str) -> str:
    """``layer1.0.conv1`` for ``/layer1/layer1.0/conv1/Conv``: a part of a Sequential repeats the name of the whole."""
    if not name.startswith("/"):
        return ""
    places: list[str] = []
    for scope in name.split("/")[1:-1]:
        if places and scope.startswith(f"{places[-1]}."):
            places.pop()
        places.append(scope)
    return ".".join(places)


def _place_of_weights(node: OnnxNode, weights: Mapping[str, object]) -> str:
    for name in node.inputs:
        place, _, role = name.rpartition(".")
        if name in weights and place and role in _ROLES:
            return place
    return ""


def _shared_folder(names: Sequence[str]) -> str:
    """What all names with a slash begin with, as TensorFlow's with ``StatefulPartitionedCall/model/``."""
    deep = [name.split("/")[:-1] for name in names if "/" in name]
    if len(deep) < 2:
        return ""
    shared = list(takewhile(lambda parts: len(set(parts)) == 1, zip(*deep, strict=False)))
    return "".join(f"{parts[0]}/" for parts in shared)


def _own_name(node: OnnxNode) -> str:
    name = node.name or _OUTPUTS.sub("", next(filter(None, node.outputs), ""))
    name = re.sub(r"[^A-Za-z0-9_./-]+", "_", name).strip("_/.")
    return f"{node.op.lower()}{name}" if not name or name.isdigit() else name
