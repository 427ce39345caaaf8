"""A flattening of transposed maps: the fully connected layer behind it gets its weights in the other order instead.

TensorFlow flattens maps with their channels last, so that the transposition in front of it meets no inverse.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import prod

from torch import Tensor

from converters.onnx.module import Operation

Shape = tuple[int, ...]


def with_reordered_weights(
    operations: Sequence[Operation],
    constants: Mapping[str, Tensor],
    shapes: Mapping[str, Shape],
    outputs: Sequence[str],
) -> tuple[list[Operation], dict[str, tuple[str, Tensor]]]:
    """Give the operations with every flattening of a transposed value reading the value itself.

    Parameters
    ----------
    constants : weights by name.
    shapes : of the values that depend on the input.
    outputs : names of values that must stay as they are.

    Returns
    -------
    the operations, and by its new name every weight that was reordered with the name that it had.
    """
    makers = {name: operation for operation in operations for name in operation.spec.outputs}
    readers: dict[str, list[Operation]] = defaultdict(list)
    for operation in operations:
        for name in operation.read_names():
            readers[name].append(operation)
    changed: dict[Operation, Operation] = {}
    weights: dict[str, tuple[str, Tensor]] = {}
    for operation in operations:
        source = _flattened_source(operation, makers, shapes)
        layers = readers[operation.spec.outputs[0]] if operation.spec.outputs[0] not in outputs else []
        if source is None or not layers or not all(_is_product(layer, operation, constants) for layer in layers):
            continue
        order = makers[operation.inputs[0]].spec.attributes["perm"]
        changed[operation] = _reading(operation, 0, source, shapes[source])
        for layer in layers:
            name = f"{layer.inputs[1]}_as_{source}"
            weight = _reordered(layer, constants, shapes[source], order)
            weights[name] = (layer.inputs[1], weight)
            changed[layer] = _reading(layer, 1, name, tuple(weight.shape), weight)
    return [changed.get(operation, operation) for operation in operations], weights


def _flattened_source(operation: Operation, makers: Mapping[str, Operation], shapes: Mapping[str, Shape]) -> str | None:
    """What a flattening reads before it is transposed; None if it is no such flattening."""
    turn = makers.get(operation.inputs[0]) if operation.inputs else None
    if operation.spec.op not in ("Flatten", "Reshape") or turn is None or turn.spec.op != "Transpose":
        return None
    order, before, after = turn.spec.attributes.get("perm"), shapes[turn.inputs[0]], shapes[operation.spec.outputs[0]]
    flattens = after == (before[0], prod(before[1:])) if before else False
    return turn.inputs[0] if flattens and order is not None and order[0] == 0 else None


def _is_product(layer: Operation, flat: Operation, constants: Mapping[str, Tensor]) -> bool:
    """Whether a reader is a fully connected layer of the flattened value, with a constant matrix."""
    weight = constants.get(layer.inputs[1]) if len(layer.inputs) > 1 else None
    return (
        layer.spec.op in ("Gemm", "MatMul")
        and layer.inputs[0] == flat.spec.outputs[0]
        and not layer.spec.attributes.get("transA", 0)
        and weight is not None
        and weight.dim() == 2
    )


def _reordered(layer: Operation, constants: Mapping[str, Tensor], source: Shape, order: Sequence[int]) -> Tensor:
    """The weight with its inputs in the order of the source (C, H, W) instead of the transposed one."""
    weight = constants[layer.inputs[1]]
    rows = weight.t() if layer.spec.attributes.get("transB", 0) else weight
    apart = rows.reshape([source[axis] for axis in order[1:]] + [rows.shape[1]])
    places = [order.index(axis) - 1 for axis in range(1, len(source))]
    found = apart.permute(*places, len(places)).reshape(rows.shape)
    return (found.t() if layer.spec.attributes.get("transB", 0) else found).contiguous()


def _reading(operation: Operation, index: int, name: str, shape: Shape, constant: Tensor | None = None) -> Operation:
    """The operation with another value as an input."""
    inputs, shapes, constants = list(operation.inputs), list(operation.shapes), list(operation.constants)
    inputs[index], shapes[index] = name, shape
    constants[index] = None if constant is None else constant.numpy()
    return Operation(operation.spec, operation.translator, operation.opset, inputs, constants, operation.reads, shapes)
