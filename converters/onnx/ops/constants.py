"""Constants, and values that are made of nothing but a shape or a few numbers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from converters.errors import RefusedError
from converters.onnx.node import Node
from converters.onnx.registry import translates, translates_each
from converters.onnx.tensors import DTYPES, type_name

_FORMS: dict[str, torch.dtype] = {
    "value_float": torch.float32,
    "value_floats": torch.float32,
    "value_int": torch.int64,
    "value_ints": torch.int64,
}


@translates("Constant")
def constant(node: Node) -> Tensor:
    """A tensor, a number or a list of them."""
    value = node.attribute("value", None)
    if isinstance(value, Tensor):
        return value
    for name, dtype in _FORMS.items():
        if name in node.spec.attributes:
            return torch.tensor(node.attribute(name), dtype=dtype)
    given = ", ".join(node.spec.attributes) or "no value"
    raise RefusedError(f"it holds {given}; only dense tensors and numbers can be converted")


@translates("ConstantOfShape")
def constant_of_shape(node: Node) -> Tensor:
    """One number in every place of a shape."""
    shape = node.ints("shape", 0) or []
    node.check_size(shape)
    value = node.attribute("value", None)
    return torch.zeros(shape) if value is None else value.reshape(-1)[0].expand(shape).clone()


@translates("Range", since=11)
def range_(node: Node) -> Tensor:
    """Numbers from one to another by steps."""
    start, limit, delta = (node.constant(index, name).item() for index, name in enumerate(("start", "limit", "delta")))
    if not delta:
        raise RefusedError("its delta is 0")
    node.check_size([max(int((limit - start) / delta) + 1, 0)])
    return torch.arange(start, limit, delta, dtype=torch.from_numpy(node.constant(0, "start")).dtype)


@translates("EyeLike")
def eye_like(node: Node) -> Tensor:
    """Ones on a diagonal of a matrix of zeros."""
    rows, columns = node[0].shape
    dtype = _dtype(node, node[0].dtype)
    return torch.diagonal_scatter(
        torch.zeros(rows, columns, dtype=dtype),
        torch.ones(torch.zeros(rows, columns).diagonal(node.attribute("k", 0)).shape, dtype=dtype),
        node.attribute("k", 0),
    )


WINDOWS: dict[str, Callable[..., Tensor]] = {
    "HannWindow": torch.hann_window,
    "HammingWindow": lambda size, periodic: torch.hamming_window(size, periodic, 25 / 46, 21 / 46),
    "BlackmanWindow": torch.blackman_window,
}


@translates_each(dict.fromkeys(WINDOWS, ""), since=17)
def window(node: Node) -> Tensor:
    """A window of signal processing."""
    size = int(node.constant(0, "size").item())
    node.check_size([size])
    return WINDOWS[node.op](size, bool(node.attribute("periodic", 1)))


def _dtype(node: Node, otherwise: torch.dtype) -> torch.dtype:
    kind = node.attribute("dtype", None)
    if kind is not None and kind not in DTYPES:
        raise RefusedError(f"of type {type_name(kind)}; Caffe computes in float32")
    return otherwise if kind is None else DTYPES[kind]
