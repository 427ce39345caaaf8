"""Convolutions, forward and transposed, over one to three axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor
from torch.nn import functional

from converters.errors import RefusedError
from converters.onnx.node import Node
from converters.onnx.ops.padding import Pads, pad_zeros, window_pads
from converters.onnx.registry import translates

CONV: dict[int, Callable[..., Tensor]] = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
TRANSPOSED: dict[int, Callable[..., Tensor]] = {
    1: functional.conv_transpose1d,
    2: functional.conv_transpose2d,
    3: functional.conv_transpose3d,
}


@translates("Conv", gives="conv1d conv2d conv3d pad")
def conv(node: Node) -> Tensor:
    """Convolution; padding that differs before and after is a pad of its own."""
    x, weight = node[0], node[1]
    axes = _axes(node, x)
    stride = list(node.attribute("strides", [1] * axes))
    dilation = list(node.attribute("dilations", [1] * axes))
    pads = window_pads(node, x.shape[2:], weight.shape[2:], stride, dilation)
    if any(before != after for before, after in pads):
        x, pads = pad_zeros(x, pads), [(0, 0)] * axes
    padding = [before for before, _ in pads]
    return CONV[axes](x, weight, _bias(node), stride, padding, dilation, int(node.attribute("group", 1)))


@translates("ConvTranspose", gives="conv_transpose1d conv_transpose2d conv_transpose3d slice")
def conv_transpose(node: Node) -> Tensor:
    """Transposed convolution; what of the result is padding on one side alone is cut off."""
    x, weight = node[0], node[1]
    axes = _axes(node, x)
    stride = list(node.attribute("strides", [1] * axes))
    dilation = list(node.attribute("dilations", [1] * axes))
    extra = list(node.attribute("output_padding", [0] * axes))
    pads = _transposed_pads(node, x.shape[2:], weight.shape[2:], stride, dilation, extra)
    # a negative amount, where a larger result is asked for than the kernel reaches, is more of output_padding
    extra = [more + max(-after, 0) for more, (_, after) in zip(extra, pads, strict=True)]
    pads = [(before, max(after, 0)) for before, after in pads]
    if any(before < 0 for before, _ in pads):
        raise RefusedError(f"its result begins before the input does (pads {pads})")
    # PyTorch cuts the same amount on both sides; the rest is cut here
    both = [min(pad) for pad in pads]
    group = int(node.attribute("group", 1))
    whole = TRANSPOSED[axes](x, weight, _bias(node), stride, both, extra, group, dilation)
    for axis, ((before, after), cut) in enumerate(zip(pads, both, strict=True), start=2):
        if before != after:
            whole = whole.narrow(axis, before - cut, whole.shape[axis] - (before - cut) - (after - cut))
    return whole


def _transposed_pads(
    node: Node,
    size: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    extra: Sequence[int],
) -> Pads:
    """(before, after) of every axis: as given, or so that the result has the size that is asked for."""
    auto, wanted = node.attribute("auto_pad", "NOTSET"), node.attribute("output_shape", None)
    if wanted is None and auto in ("NOTSET", "VALID"):
        return window_pads(node, size, kernel, stride, dilation)
    wanted = list(wanted)[-len(size) :] if wanted else [n * s for n, s in zip(size, stride, strict=True)]
    pads = []
    for n, k, s, d, more, want in zip(size, kernel, stride, dilation, extra, wanted, strict=True):
        total = s * (n - 1) + more + (k - 1) * d + 1 - want
        if total < 0 and auto != "NOTSET":
            raise RefusedError(
                f"auto_pad {auto} with a kernel of {k} below the stride of {s}, which runtimes read unlike"
            )
        if total < 0:
            pads.append((0, total))
        else:
            less, rest = total // 2, total - total // 2
            pads.append((less, rest) if auto == "SAME_UPPER" else (rest, less))
    return pads


def _bias(node: Node) -> Tensor | None:
    """The bias, which has axes of one behind it where it was an Add (`converters.onnx.fusions`)."""
    bias = node.get(2)
    return bias if bias is None or bias.dim() == 1 else bias.reshape(-1)


def _axes(node: Node, x: Tensor) -> int:
    """Number of axes that the kernel moves along."""
    axes = x.dim() - 2
    if axes not in CONV:
        raise RefusedError(f"over {axes} axes; over one to three it can be converted")
    return axes
