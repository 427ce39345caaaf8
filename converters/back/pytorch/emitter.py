"""The vocabulary of layers in Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from converters.back.emitter import Detection, Emitter
from converters.back.pytorch.expression import (
    PRODUCT,
    SUM,
    Code,
    call,
    chain,
    code,
    in_brackets,
    listed,
    method,
    number,
)
from converters.back.pytorch.module_parts import ModuleParts, plain
from converters.back.windows import Filters, Pool
from converters.errors import ConversionError

_ACTIVATIONS = {
    "dropout": "Dropout",
    "elu": "ELU",
    "leaky_relu": "LeakyReLU",
    "relu": "ReLU",
    "relu6": "ReLU6",
    "sigmoid": "Sigmoid",
    "softmax": "Softmax",
    "softplus": "Softplus",
    "tanh": "Tanh",
}


class PyTorchEmitter(ModuleParts, Emitter[Code]):
    """Writes every word as a module or an expression."""

    def keep(self, x: Code, role: str) -> Code:
        """Assign a step of the layer's work to a variable of its own."""
        return self.several(x, [role])[0]

    def parameter(self, role: str, array: np.ndarray, blob: int | None = None) -> Code:
        """An ``nn.Parameter`` of the module, or a buffer."""
        attribute = self.attribute(role)
        if blob is None:
            self.buffers.add(attribute)
        filled = "ones" if role == "weight" else "zeros"
        self.modules[attribute] = call(f"torch.{filled}", *(array.shape or ("()",)))
        self.store(attribute, array)
        return Code(f"self.{attribute}")

    # -- layers with parameters -------------------------------------------------------------------------------------

    def convolution(self, x: Code, filters: Filters) -> Code:
        """nn.Conv1d to nn.ConvTranspose3d."""
        kind = f"Conv{'Transpose' if filters.transposed else ''}{len(filters.kernel)}d"
        settings: dict[str, Any] = {"stride": filters.stride, "padding": filters.pad, "dilation": filters.dilation}
        neutral = {"stride": 1, "padding": 0, "dilation": 1}
        settings = {name: value for name, value in settings.items() if plain(value) != neutral[name]}
        if filters.groups != 1:
            settings["groups"] = filters.groups
        if filters.bias is None:
            settings["bias"] = False
        arrays = {"weight": filters.weight, "bias": filters.bias}
        kernel = number(plain(filters.kernel))
        attribute = self.module(
            kind, filters.channels, filters.outputs, arrays=arrays, kernel_size=Code(kernel), **settings
        )
        return call(f"self.{attribute}", x)

    def linear(self, x: Code, weight: np.ndarray, bias: np.ndarray | None, axes: int, role: str = "") -> Code:
        """nn.Linear."""
        return call(f"self.{self._linear(weight, bias, role)}", x)

    def _linear(self, weight: np.ndarray, bias: np.ndarray | None, role: str) -> str:
        settings: dict[str, Any] = {} if bias is not None else {"bias": False}
        outputs, inputs = weight.shape
        return self.module("Linear", inputs, outputs, arrays={"weight": weight, "bias": bias}, role=role, **settings)

    def batch_norm(
        self, x: Code, mean: np.ndarray, variance: np.ndarray, eps: float, affine: tuple[np.ndarray, np.ndarray] | None
    ) -> Code:
        """nn.BatchNorm1d to 3d."""
        axes = len(self.layer.shape)
        if axes > 5:
            raise ConversionError(f"{self.layer.node}: PyTorch normalises at most 5 axes, this bottom has {axes}")
        arrays: dict[str, np.ndarray | None] = {
            "running_mean": mean,
            "running_var": variance,
            "num_batches_tracked": np.zeros((), np.int64),
        }
        if affine is not None:
            arrays |= {"weight": affine[0], "bias": affine[1]}
        settings: dict[str, Any] = {} if affine is not None else {"affine": False}
        attribute = self.module(f"BatchNorm{max(1, axes - 2)}d", len(mean), arrays=arrays, eps=eps, **settings)
        return call(f"self.{attribute}", x)

    def prelu(self, x: Code, slope: np.ndarray) -> Code:
        """nn.PReLU."""
        arguments = [len(slope)] if len(slope) > 1 else []
        return call(f"self.{self.module('PReLU', *arguments, arrays={'weight': slope})}", x)

    def embedding(self, x: Code, rows: np.ndarray) -> Code:
        """nn.Embedding."""
        return call(
            f"self.{self.module('Embedding', *rows.shape, arrays={'weight': rows}, role='rows')}", method(x, "long")
        )

    # -- windows ----------------------------------------------------------------------------------------------------

    def max_pool(self, x: Code, pool: Pool) -> Code:
        """nn.MaxPool2d."""
        x, settings = self._pool_settings(x, pool, "-inf")
        attribute = self.module("MaxPool2d", **settings, role=self._pool_role(pool))
        return self._fit(call(f"self.{attribute}", x), pool, 0)

    def max_pool_places(self, x: Code, pool: Pool) -> tuple[Code, Code]:
        """nn.MaxPool2d with ``return_indices``."""
        padded, settings = self._pool_settings(x, pool, "-inf")
        attribute = self.module("MaxPool2d", **settings, return_indices=True)
        top, places = self.several(call(f"self.{attribute}", padded), ["values", "places"])
        if padded is not x:
            wide = pool.source[1] + 2 * pool.pad[1]
            rows = self.keep(Code(f"{places} // {wide} - {pool.pad[0]}", SUM), "rows")
            columns = self.keep(Code(f"{places} % {wide} - {pool.pad[1]}", SUM), "columns")
            places = Code(f"{rows} * {pool.source[1]} + {columns}", SUM)
        return self._fit(top, pool, 0), self._fit(method(places, "to", f"{x}.dtype"), pool, None)

    def average_pool(self, x: Code, pool: Pool) -> Code:
        """nn.AvgPool2d."""
        x, settings = self._pool_settings(x, pool, "0.0")
        attribute = self.module("AvgPool2d", **settings, role=self._pool_role(pool))
        return self._fit(call(f"self.{attribute}", x), pool, 1)

    def _pool_role(self, pool: Pool) -> str:
        """A pyramid has several pools, each with its own module."""
        return f"{pool.size[0]}x{pool.size[1]}" if self.layer.type == "SPP" else ""

    def _pool_settings(self, x: Code, pool: Pool, border: str) -> tuple[Code, dict[str, Any]]:
        """What of the padding PyTorch does not take (more than half the kernel) is padded before."""
        native = pool.pads_half
        settings: dict[str, Any] = {"kernel_size": Code(number(plain(pool.kernel))), "stride": plain(pool.stride)}
        if native and pool.pad != (0, 0):
            settings["padding"] = plain(pool.pad)
        if not native:
            pads = [(p, p) for p in pool.pad]
            x = self.keep(self._padded(x, pads, Code(f'float("{border}")' if "inf" in border else border)), "padded")
        if pool.ceil:
            settings["ceil_mode"] = True
        return x, settings

    def _fit(self, top: Code, pool: Pool, method: int | None) -> Code:
        """Cut what PyTorch's rule has too many, and add the empty windows of Caffe's.

        ``method`` is 0 for MAX, 1 for AVE, None for the places of maxima.
        """
        native = pool.pads_half
        sizes = [
            _pooled_size(n, k, s, p, native_pad=native, ceil=pool.ceil)
            for n, k, s, p in zip(pool.source, pool.kernel, pool.stride, pool.pad, strict=True)
        ]
        surplus = [max(0, size - wanted) for size, wanted in zip(sizes, pool.size, strict=True)]
        if any(surplus):
            height, width = pool.size
            top = Code(f"{self.keep(top, 'maps')}[:, :, :{height}, :{width}]")
        for (rows, columns), *values in pool.empty:
            nothing = -1.0 if method is None else values[method]
            top = self._padded(self.keep(top, "windows"), [(0, rows), (0, columns)], code(nothing))
        return top

    def global_pool(self, x: Code, maximum: bool) -> Code:
        """nn.AdaptiveAvgPool2d or nn.AdaptiveMaxPool2d."""
        kind = "AdaptiveMaxPool2d" if maximum else "AdaptiveAvgPool2d"
        return call(f"self.{self.module(kind, 1)}", x)

    def local_response(self, x: Code, size: int, alpha: float, beta: float, k: float) -> Code:
        """nn.LocalResponseNorm."""
        return call(f"self.{self.module('LocalResponseNorm', size, alpha=alpha, beta=beta, k=k)}", x)

    def patches(self, x: Code, filters: Filters, size: tuple[int, int]) -> Code:
        """F.unfold."""
        settings = {"dilation": filters.dilation, "padding": filters.pad, "stride": filters.stride}
        kernel = number(plain(filters.kernel))
        columns = call("F.unfold", x, kernel, **{name: plain(value) for name, value in settings.items()})
        return method(self.keep(columns, "columns"), "unflatten", "2", Code(str(size)))

    def resize(self, x: Code, before: tuple[int, int], size: tuple[int, int], mode: str) -> Code:
        """F.interpolate."""
        if mode == "nearest":
            factor = size[0] // before[0], size[1] // before[1]
            return call("F.interpolate", x, scale_factor=Code(number(plain(factor))), mode='"nearest"')
        return call("F.interpolate", x, size=Code(str(size)), mode='"bilinear"', align_corners=True)

    # -- functions of every number ----------------------------------------------------------------------------------

    def activation(self, kind: str, x: Code, **settings: Any) -> Code:
        """A module of ``nn``."""
        if kind == "leaky_relu":
            attribute = self.module("LeakyReLU", settings["negative_slope"])
        else:
            attribute = self.module(_ACTIVATIONS[kind], **settings)
        return call(f"self.{attribute}", x)

    def unary(self, kind: str, x: Code) -> Code:
        """A function of torch."""
        return call(f"torch.{kind}", x)

    def add(self, a: Code, b: Code | float) -> Code:
        """``a + b``."""
        if isinstance(b, (int, float)) and b < 0:
            return chain("-", a, code(-b))
        return chain("+", a, code(b))

    def subtract(self, a: Code, b: Code | float) -> Code:
        """``a - b``."""
        return chain("-", a, code(b))

    def multiply(self, a: Code, b: Code | float) -> Code:
        """``a * b``."""
        return chain("*", a, code(b))

    def divide(self, a: Code, b: Code | float) -> Code:
        """``a / b``."""
        return chain("/", a, code(b))

    def power(self, a: Code, exponent: float) -> Code:
        """torch.pow."""
        return call("torch.pow", a, float(exponent))

    def maximum(self, a: Code, b: Code) -> Code:
        """torch.maximum."""
        return call("torch.maximum", a, b)

    def clamp(self, x: Code, low: float, high: float) -> Code:
        """torch.clamp."""
        return call("torch.clamp", x, float(low), float(high))

    def greater(self, a: Code, b: float) -> Code:
        """A comparison as numbers."""
        return call(f"({in_brackets(a, PRODUCT)} > {number(b)}).to", f"{a}.dtype")

    def fill(self, like: Code, number: float) -> Code:
        """torch.full_like."""
        return call("torch.full_like", like, float(number))

    # -- several numbers to one -------------------------------------------------------------------------------------

    def reduce(self, kind: str, x: Code, axes: Sequence[int], keep: bool) -> Code:
        """torch.sum or torch.mean."""
        places = tuple(axes)
        dims = Code(str(places[0] if len(places) == 1 else places))
        return call(f"torch.{kind}", x, dim=dims, **({"keepdim": True} if keep else {}))

    def largest(self, x: Code, axis: int, length: int, count: int) -> tuple[Code, Code]:
        """A helper, because torch.topk does not say which of equal numbers it takes."""
        self.helpers.add("largest")
        values, places = self.several(call("largest", x, Code(str(count)), Code(str(axis))), ["values", "places"])
        return values, places

    # -- shapes -----------------------------------------------------------------------------------------------------

    def reshape(self, x: Code, dims: Sequence[int]) -> Code:
        """``x.reshape``; lengths that stay are asked for when it runs."""
        if 0 in dims and not x.text.isidentifier():
            x = self.keep(x, "whole")
        sizes = [f"{x}.shape[{place}]" if dim == 0 else str(dim) for place, dim in enumerate(dims)]
        return method(x, "reshape", *(sizes or ["()"]))

    def flatten(self, x: Code, axis: int, shape: Sequence[int]) -> Code:
        """torch.flatten."""
        return call("torch.flatten", x, Code(str(axis)))

    def transpose(self, x: Code, order: Sequence[int]) -> Code:
        """``x.permute``."""
        return method(x, "permute", *map(str, order))

    def append_axes(self, x: Code, axes: int, count: int) -> Code:
        """An index of None for every new axis."""
        return Code(f"{in_brackets(x, 3)}[{', '.join(['...', *['None'] * count])}]") if count else x

    def concatenate(self, values: Sequence[Code], axis: int) -> Code:
        """torch.cat."""
        return call("torch.cat", listed(values), dim=Code(str(axis)))

    def narrow(self, x: Code, axis: int, start: int, stop: int | None) -> Code:
        """An index."""
        bounds = f"{start or ''}:{'' if stop is None else stop}"
        return Code(f"{in_brackets(x, 3)}[{', '.join([*[':'] * axis, bounds])}]")

    def crop(self, x: Code, like: Code, axis: int, offsets: Sequence[int], sizes: Sequence[int]) -> Code:
        """An index with the size of the other value, whatever that is when it runs."""
        x = x if x.text.isidentifier() else self.keep(x, "whole")
        bounds = []
        for place, offset in enumerate(offsets, axis):
            length = f"{like}.shape[{place}]"
            bounds.append(f"{offset} : {offset} + {length}" if offset else f": {length}")
        return bracketed_index(x, [*[":"] * axis, *bounds])

    def pad(self, x: Code, axes: int, pads: Sequence[tuple[int, int]], number: float = 0.0) -> Code:
        """F.pad."""
        return self._padded(x, pads, code(float(number)))

    def _padded(self, x: Code, pads: Sequence[tuple[int, int]], border: Code) -> Code:
        numbers = tuple(side for pair in reversed(pads) for side in pair)
        value = {} if border.text == "0.0" else {"value": border}
        return call("F.pad", x, Code(str(numbers)), **value)

    def tile(self, x: Code, axes: int, axis: int, count: int) -> Code:
        """``x.repeat``."""
        return method(x, "repeat", *(str(count if place == axis else 1) for place in range(axes)))

    def pick(self, x: Code, index: Code) -> Code:
        """An index."""
        return Code(f"{x}[{method(index, 'long')}]")

    def choose(self, x: Code, selector: Code) -> Code:
        """A mask."""
        return Code(f"{x}[torch.flatten({selector}) != 0]")

    # -- whole algorithms -------------------------------------------------------------------------------------------

    def recurrent(
        self, kind: str, inputs: Code, cont: Code, states: Sequence[Code], weight: np.ndarray, steps: int
    ) -> tuple[Code, list[Code]]:
        """A helper that runs a loop."""
        self.helpers.add(kind)
        attribute = self._linear(weight, None, "recurrent")
        given = [listed(states)] if states else []
        roles = ["visible", "hidden", "cell"] if kind == "lstm" else ["visible", "hidden"]
        visible, *last = self.several(call(kind, inputs, cont, f"self.{attribute}", *given), roles)
        return visible, last

    def detect(self, boxes: Code, scores: Code, settings: Detection) -> Code:
        """A helper that runs loops."""
        self.helpers.update(("detect", "overlap"))
        given: dict[str, Any] = {"threshold": settings.overlap, "background": settings.background}
        if settings.threshold is not None:
            given["confidence"] = float(settings.threshold)
        if settings.candidates is not None:
            given["candidates"] = settings.candidates
        if settings.most is not None:
            given["most"] = settings.most
        if settings.eta != 1:
            given["eta"] = settings.eta
        return call("detect", boxes, scores, **given)


def bracketed_index(x: Code, bounds: Sequence[str]) -> Code:
    """``x[a, b]``, whose brackets may stand on lines of their own."""
    items = tuple(Code(bound) for bound in bounds)
    return Code(f"{x}[{', '.join(bounds)}]", head=f"{x}[", items=items, tail="]")


def _pooled_size(n: int, kernel: int, stride: int, pad: int, native_pad: bool, ceil: bool) -> int:
    """How many windows PyTorch makes of ``n`` positions; what is padded before counts as part of them."""
    n, pad = (n, pad) if native_pad else (n + 2 * pad, 0)
    span = n + 2 * pad - kernel
    size = (-(-span // stride) if ceil else span // stride) + 1
    return size - 1 if ceil and (size - 1) * stride >= n + pad else size
