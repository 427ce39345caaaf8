"""The vocabulary of layers in ONNX. No operator is asked to round sizes up, because programs differ in how they do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto

from converters.back.emitter import Detection, Emitter
from converters.back.onnx.detection import detect_in_image
from converters.back.onnx.graph_parts import GraphParts
from converters.back.windows import LOWEST, Filters, Pool

_ACTIVATIONS = {
    "elu": "Elu",
    "leaky_relu": "LeakyRelu",
    "relu": "Relu",
    "sigmoid": "Sigmoid",
    "softmax": "Softmax",
    "softplus": "Softplus",
    "tanh": "Tanh",
}
_ATTRIBUTES = {"negative_slope": "alpha", "dim": "axis"}
_REDUCE = {"sum": "ReduceSum", "mean": "ReduceMean"}


class OnnxEmitter(GraphParts, Emitter[str]):
    """Writes every word as one node or a few."""

    def parameter(self, role: str, array: np.ndarray, blob: int | None = None) -> str:
        """An initializer."""
        return self.stored(role, array)

    # -- layers with parameters -------------------------------------------------------------------------------------

    def convolution(self, x: str, filters: Filters) -> str:
        """Conv or ConvTranspose."""
        assert filters.weight is not None
        arrays = [self.stored("weight", filters.weight)]
        arrays += [self.stored("bias", filters.bias)] if filters.bias is not None else []
        return self.op(
            "ConvTranspose" if filters.transposed else "Conv",
            x,
            *arrays,
            kernel_shape=filters.kernel,
            strides=filters.stride,
            pads=filters.pad * 2,
            dilations=filters.dilation,
            group=filters.groups,
        )

    def linear(self, x: str, weight: np.ndarray, bias: np.ndarray | None, axes: int, role: str = "") -> str:
        """Gemm of two axes, else MatMul."""
        weights, biases = (f"{role}.{name}" if role else name for name in ("weight", "bias"))
        if axes == 2:
            arrays = [self.stored(weights, weight)] + ([self.stored(biases, bias)] if bias is not None else [])
            return self.op("Gemm", x, *arrays, transB=1)
        top = self.op("MatMul", x, self.stored(f"{weights}.T", np.ascontiguousarray(weight.T)))
        return top if bias is None else self.op("Add", top, self.stored(biases, bias))

    def batch_norm(
        self, x: str, mean: np.ndarray, variance: np.ndarray, eps: float, affine: tuple[np.ndarray, np.ndarray] | None
    ) -> str:
        """BatchNormalization."""
        scale, bias = affine or (np.ones_like(mean), np.zeros_like(mean))
        arrays = {"scale": scale, "bias": bias, "mean": mean, "variance": variance}
        names = [self.stored(role, array) for role, array in arrays.items()]
        return self.op("BatchNormalization", x, *names, epsilon=eps)

    def prelu(self, x: str, slope: np.ndarray) -> str:
        """PRelu."""
        return self.op("PRelu", x, self.stored("slope", slope.reshape(-1, *[1] * (len(self.layer.shape) - 2))))

    def embedding(self, x: str, rows: np.ndarray) -> str:
        """Gather."""
        return self.op("Gather", self.stored("rows", rows), self._integers_of(x), axis=0)

    def _integers_of(self, x: str) -> str:
        return self.op("Cast", x, to=TensorProto.INT64)

    def _floats_of(self, x: str) -> str:
        return self.op("Cast", x, to=TensorProto.FLOAT)

    # -- windows ----------------------------------------------------------------------------------------------------

    def max_pool(self, x: str, pool: Pool) -> str:
        """MaxPool."""
        x, settings = self._pool_settings(x, pool, LOWEST)
        return self._fit(self.op("MaxPool", x, **settings), pool, 0)

    def max_pool_places(self, x: str, pool: Pool) -> tuple[str, str]:
        """MaxPool, whose second output counts through all maps."""
        padded, settings = self._pool_settings(x, pool, LOWEST)
        top, places = self.node("MaxPool", [padded], 2, **settings)
        if padded != x:  # counted in the padded map
            (above, below), (left, right) = _outer(pool)
            wide = pool.source[1] + left + right
            places = self.op("Mod", places, self.integer(wide * (pool.source[0] + above + below)))
            row = self.op("Sub", self.op("Div", places, self.integer(wide)), self.integer(above))
            column = self.op("Sub", self.op("Mod", places, self.integer(wide)), self.integer(left))
            places = self.op("Add", self.op("Mul", row, self.integer(pool.source[1])), column)
        else:
            places = self.op("Mod", places, self.integer(pool.source[0] * pool.source[1]))
        return self._fit(top, pool, 0), self._fit(self._floats_of(places), pool, None)

    def average_pool(self, x: str, pool: Pool) -> str:
        """AveragePool, which counts all positions of a window; a factor mends those that hang over."""
        counts = np.outer(pool.divisors(0), pool.divisors(1))
        full = pool.kernel[0] * pool.kernel[1]
        if (counts == full).all():
            x, settings = self._pool_settings(x, pool, 0.0)
            return self._fit(self.op("AveragePool", x, count_include_pad=1, **settings), pool, 1)
        # Padded by itself, since OpenCV's reader counts otherwise where both sides differ.
        padded = self.pad(x, 4, _outer(pool), 0.0)
        top = self.op("AveragePool", padded, kernel_shape=pool.kernel, strides=pool.stride)
        top = self.op("Mul", top, self.stored("factor", (full / counts).astype(np.float32)[None, None]))
        return self._fit(top, pool, 1)

    def _pool_settings(self, x: str, pool: Pool, border: float) -> tuple[str, dict[str, Any]]:
        """Padding on both sides so that rounding down gives the windows; what reaches the kernel is padded before."""
        outer = _outer(pool)
        settings: dict[str, Any] = {"kernel_shape": pool.kernel, "strides": pool.stride}
        if all(max(sides) < k for sides, k in zip(outer, pool.kernel, strict=True)):
            (above, below), (left, right) = outer
            return x, settings | {"pads": (above, left, below, right)}
        return self.pad(x, 4, outer, border), settings

    def _fit(self, top: str, pool: Pool, method: int | None) -> str:
        """Add the empty windows of Caffe's rule; ``method`` is 0 for MAX, 1 for AVE, None for the places of maxima."""
        for (rows, columns), *values in pool.empty:
            top = self.pad(top, 4, [(0, rows), (0, columns)], -1.0 if method is None else values[method])
        return top

    def global_pool(self, x: str, maximum: bool) -> str:
        """GlobalMaxPool or GlobalAveragePool."""
        return self.op("GlobalMaxPool" if maximum else "GlobalAveragePool", x)

    def local_response(self, x: str, size: int, alpha: float, beta: float, k: float) -> str:
        """LRN."""
        return self.op("LRN", x, size=size, alpha=alpha, beta=beta, bias=k)

    def patches(self, x: str, filters: Filters, size: tuple[int, int]) -> str:
        """A convolution by filters that each have a single one."""
        area = filters.kernel[0] * filters.kernel[1]
        one_hot = np.tile(np.eye(area, dtype=np.float32).reshape(area, 1, *filters.kernel), (filters.channels, 1, 1, 1))
        return self.op(
            "Conv",
            x,
            self.stored("patches", one_hot),
            kernel_shape=filters.kernel,
            strides=filters.stride,
            pads=filters.pad * 2,
            dilations=filters.dilation,
            group=filters.channels,
        )

    def resize(self, x: str, before: tuple[int, int], size: tuple[int, int], mode: str) -> str:
        """Resize."""
        settings = (
            {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
            if mode == "nearest"
            else {"mode": "linear", "coordinate_transformation_mode": "align_corners"}
        )
        factors = [wanted / length for wanted, length in zip(size, before, strict=True)]
        if mode == "nearest":
            return self.op("Resize", x, "", self.stored("scales", np.array([1, 1, *factors], np.float32)), **settings)
        batch = self.op("Shape", x, start=0, end=2)
        sizes = self.op("Concat", batch, self.integers(size), axis=0)
        return self.op("Resize", x, "", "", sizes, **settings)

    # -- functions of every number ----------------------------------------------------------------------------------

    def activation(self, kind: str, x: str, **settings: Any) -> str:
        """The operator of that name; Dropout leaves nothing."""
        if kind == "dropout":
            return x
        if kind == "relu6":
            return self.clamp(x, 0.0, 6.0)
        return self.op(
            _ACTIVATIONS[kind], x, **{_ATTRIBUTES.get(name, name): value for name, value in settings.items()}
        )

    def unary(self, kind: str, x: str) -> str:
        """The operator of that name."""
        return self.op(kind.capitalize(), x)

    def _value(self, b: str | float) -> str:
        return b if isinstance(b, str) else self.number(b)

    def add(self, a: str, b: str | float) -> str:
        """Add."""
        return self.op("Add", a, self._value(b))

    def subtract(self, a: str, b: str | float) -> str:
        """Sub."""
        return self.op("Sub", a, self._value(b))

    def multiply(self, a: str, b: str | float) -> str:
        """Mul."""
        return self.op("Mul", a, self._value(b))

    def divide(self, a: str, b: str | float) -> str:
        """Div."""
        return self.op("Div", a, self._value(b))

    def power(self, a: str, exponent: float) -> str:
        """Pow."""
        return self.op("Pow", a, self.number(exponent))

    def maximum(self, a: str, b: str) -> str:
        """Max."""
        return self.op("Max", a, b)

    def clamp(self, x: str, low: float, high: float) -> str:
        """Clip."""
        return self.op("Clip", x, self.number(low), self.number(high))

    def greater(self, a: str, b: float) -> str:
        """Greater as numbers."""
        return self._floats_of(self.op("Greater", a, self.number(b)))

    def fill(self, like: str, number: float) -> str:
        """Expand to the shape of the other value."""
        return self.op("Expand", self.number(number), self.op("Shape", like))

    # -- several numbers to one -------------------------------------------------------------------------------------

    def reduce(self, kind: str, x: str, axes: Sequence[int], keep: bool) -> str:
        """ReduceSum or ReduceMean."""
        return self.op(_REDUCE[kind], x, self.integers(list(axes)), keepdims=int(keep))

    def largest(self, x: str, axis: int, length: int, count: int) -> tuple[str, str]:
        """TopK of the reversed axis: it takes the first of equal numbers, Caffe the last."""
        backwards = (self.integers([-1]), self.integers([-(2**31)]), self.integers([axis]), self.integers([-1]))
        values, places = self.node("TopK", [self.op("Slice", x, *backwards), self.integers([count])], 2, axis=axis)
        return values, self._floats_of(self.op("Sub", self.integer(length - 1), places))

    # -- shapes -----------------------------------------------------------------------------------------------------

    def reshape(self, x: str, dims: Sequence[int]) -> str:
        """Reshape, where 0 and -1 mean the same."""
        return self.op("Reshape", x, self.integers(dims))

    def flatten(self, x: str, axis: int, shape: Sequence[int]) -> str:
        """Flatten, or Reshape where more than one axis stays."""
        return self.op("Flatten", x, axis=1) if axis == 1 else self.reshape(x, (*[0] * axis, -1))

    def transpose(self, x: str, order: Sequence[int]) -> str:
        """Transpose."""
        return self.op("Transpose", x, perm=list(order))

    def append_axes(self, x: str, axes: int, count: int) -> str:
        """Unsqueeze."""
        return self.op("Unsqueeze", x, self.integers(range(axes, axes + count))) if count else x

    def concatenate(self, values: Sequence[str], axis: int) -> str:
        """Concat."""
        return self.op("Concat", *values, axis=axis)

    def narrow(self, x: str, axis: int, start: int, stop: int | None) -> str:
        """Slice."""
        end = 2**31 if stop is None else stop
        return self.op("Slice", x, self.integers([start]), self.integers([end]), self.integers([axis]))

    def crop(self, x: str, like: str, axis: int, offsets: Sequence[int], sizes: Sequence[int]) -> str:
        """Slice."""
        ends = [offset + size for offset, size in zip(offsets, sizes, strict=True)]
        axes = self.integers(range(axis, axis + len(sizes)))
        return self.op("Slice", x, self.integers(offsets), self.integers(ends), axes)

    def pad(self, x: str, axes: int, pads: Sequence[tuple[int, int]], number: float = 0.0) -> str:
        """Pad."""
        untouched = [0] * (axes - len(pads))
        before, after = zip(*pads, strict=True)
        return self.op("Pad", x, self.integers([*untouched, *before, *untouched, *after]), self.number(number))

    def tile(self, x: str, axes: int, axis: int, count: int) -> str:
        """Tile."""
        return self.op("Tile", x, self.integers([count if place == axis else 1 for place in range(axes)]))

    def pick(self, x: str, index: str) -> str:
        """Gather."""
        return self.op("Gather", x, self._integers_of(index), axis=0)

    def choose(self, x: str, selector: str) -> str:
        """Compress."""
        flags = self.op("Cast", self.reshape(selector, [-1]), to=TensorProto.BOOL)
        return self.op("Compress", x, flags, axis=0)

    # -- whole algorithms -------------------------------------------------------------------------------------------

    def recurrent(
        self, kind: str, inputs: str, cont: str, states: Sequence[str], weight: np.ndarray, steps: int
    ) -> tuple[str, list[str]]:
        """Every step by itself: ONNX's own LSTM cannot begin a sequence within a batch."""
        last, visible = list(states), []
        conts = self.append_axes(cont, 2, 1)
        for time in range(steps):
            gates = self._step(inputs, time)
            go_on = self._step(conts, time)
            if last:
                state = self.multiply(last[0], go_on)
                gates = self.add(gates, self.linear(state, weight, None, 2, "recurrent"))
            last = (
                [self.unary("tanh", gates)] if kind == "rnn" else self._lstm_unit(gates, go_on, last, weight.shape[1])
            )
            visible.append(self.op("Unsqueeze", last[0], self.integers([0])))
        return self.concatenate(visible, 0), last

    def _step(self, x: str, time: int) -> str:
        return self.op("Gather", x, self.integer(time), axis=0)

    def _lstm_unit(self, gates: str, go_on: str, last: Sequence[str], units: int) -> list[str]:
        i, f, o, g = self.node("Split", [gates, self.integers([units] * 4)], 4, axis=1)
        cell = self.multiply(self.unary("sigmoid", i), self.unary("tanh", g))
        if last:
            cell = self.add(cell, self.multiply(self.multiply(self.unary("sigmoid", f), go_on), last[1]))
        return [self.multiply(self.unary("sigmoid", o), self.unary("tanh", cell)), cell]

    def detect(self, boxes: str, scores: str, settings: Detection) -> str:
        """NonMaxSuppression, image by image."""
        images = [detect_in_image(self, boxes, scores, settings, image) for image in range(settings.images)]
        rows = images[0] if len(images) == 1 else self.concatenate(images, 0)
        return self.op("Unsqueeze", rows, self.integers([0, 1]))


def _outer(pool: Pool) -> list[tuple[int, int]]:
    """What is added before and behind each axis so that rounding down gives all windows that are not empty."""
    reach = (
        (n - 1) * s - p + k - length
        for n, s, p, k, length in zip(pool.full, pool.stride, pool.pad, pool.kernel, pool.source, strict=True)
    )
    return [(before, max(0, behind)) for before, behind in zip(pool.pad, reach, strict=True)]
