"""Every operator that is read, in its forms and opsets, as models of one node."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.converters.onnx.one_node import Case, noise

IMAGE = noise(2, 4, 7, 9)
POSITIVE = np.abs(IMAGE) + 0.5
INSIDE = np.clip(IMAGE / 4, -0.9, 0.9)
WHOLE = np.array([7, -3, 2, 5], np.int64)


def ints(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


def floats(*numbers: float) -> np.ndarray:
    return np.array(numbers, np.float32)


def scalar(number: float) -> np.ndarray:
    return np.array(number, np.float32)


def since(first: int) -> range:
    return range(first, 24)


def until(last: int) -> range:
    return range(9, last + 1)


ACTIVATIONS = {
    "relu": Case("Relu", [IMAGE]),
    "sigmoid": Case("Sigmoid", [IMAGE]),
    "tanh": Case("Tanh", [IMAGE]),
    "softplus": Case("Softplus", [IMAGE]),
    "softsign": Case("Softsign", [IMAGE]),
    "mish": Case("Mish", [IMAGE], opsets=since(18)),
    "hard swish": Case("HardSwish", [IMAGE * 3], opsets=since(14)),
    "erf": Case("Erf", [IMAGE]),
    "leaky relu": Case("LeakyRelu", [IMAGE]),
    "leaky relu 0.3": Case("LeakyRelu", [IMAGE], {"alpha": 0.3}),
    "prelu per channel": Case("PRelu", [IMAGE, noise(4, 1, 1)]),
    "prelu of one": Case("PRelu", [IMAGE, floats(0.3)]),
    "prelu of one, three axes": Case("PRelu", [IMAGE, noise(1, 1, 1)]),
    "prelu of rows": Case("PRelu", [noise(3, 5), noise(5)]),
    "prelu per column": Case("PRelu", [IMAGE, noise(9)]),
    "prelu per place": Case("PRelu", [IMAGE, noise(4, 7, 9)]),
    "elu": Case("Elu", [IMAGE], {"alpha": 0.7}),
    "celu": Case("Celu", [IMAGE], {"alpha": 0.7}, opsets=since(12)),
    "selu": Case("Selu", [IMAGE]),
    "selu, own numbers": Case("Selu", [IMAGE], {"alpha": 1.5, "gamma": 0.9}),
    "gelu": Case("Gelu", [IMAGE], opsets=since(20)),
    "gelu by tanh": Case("Gelu", [IMAGE], {"approximate": "tanh"}, opsets=since(20)),
    "thresholded relu": Case("ThresholdedRelu", [IMAGE], {"alpha": 0.4}, opsets=since(10)),
    "hard sigmoid": Case("HardSigmoid", [IMAGE * 3]),
    "hard sigmoid of pytorch": Case("HardSigmoid", [IMAGE * 3], {"alpha": 1 / 6, "beta": 0.5}),
    "shrink": Case("Shrink", [IMAGE], {"lambd": 0.6, "bias": 0.2}),
    "shrink, soft": Case("Shrink", [IMAGE], {"lambd": 0.5, "bias": 0.5}),
    "shrink, hard": Case("Shrink", [IMAGE]),
    "clip by attributes": Case("Clip", [IMAGE], {"min": -0.5, "max": 0.7}, opsets=until(10)),
    "clip, one attribute": Case("Clip", [IMAGE], {"min": 0.0}, opsets=until(10)),
    "clip": Case("Clip", [IMAGE, scalar(-0.5), scalar(0.7)], opsets=since(11)),
    "clip at 0 and 6": Case("Clip", [IMAGE * 4, scalar(0), scalar(6)], opsets=since(11)),
    "clip from below": Case("Clip", [IMAGE, scalar(0)], opsets=since(11)),
    "clip from above": Case("Clip", [IMAGE, None, scalar(0.1)], opsets=since(11)),
    "clip of whole numbers": Case("Clip", [WHOLE, np.array(0), np.array(4)], opsets=since(12)),
}

SOFTMAX = {
    f"{op.lower()} {name}": Case(op, [IMAGE], attributes)
    for op in ("Softmax", "LogSoftmax", "Hardmax")
    for name, attributes in {
        "as usual": {},
        "axis 1": {"axis": 1},
        "axis -2": {"axis": -2},
        "axis 3": {"axis": 3},
    }.items()
} | {
    "softmax of scores": Case("Softmax", [noise(2, 5)]),
    "softmax of maps of one": Case("Softmax", [noise(2, 5, 1, 1)], {"axis": 1}),
    "softmax from axis 0": Case("Softmax", [noise(2, 5)], {"axis": 0}),
}

ARITHMETIC = {
    **{op.lower(): Case(op, [IMAGE]) for op in ("Abs", "Neg", "Reciprocal", "Exp", "Floor", "Ceil", "Sign")},
    **{op.lower(): Case(op, [IMAGE]) for op in ("Sin", "Cos", "Tan", "Atan", "Sinh", "Cosh", "Asinh")},
    **{op.lower(): Case(op, [INSIDE]) for op in ("Asin", "Acos", "Atanh")},
    "acosh": Case("Acosh", [POSITIVE + 1]),
    "sqrt": Case("Sqrt", [POSITIVE]),
    "log": Case("Log", [POSITIVE]),
    "round": Case("Round", [IMAGE], opsets=since(11)),
    **{op.lower(): Case(op, [IMAGE, noise(2, 4, 7, 9, seed=1)], constants=()) for op in ("Add", "Sub", "Mul")},
    **{
        f"{op.lower()} with a constant": Case(op, [IMAGE, noise(4, 1, 1, seed=1) + 3])
        for op in ("Add", "Sub", "Mul", "Div")
    },
    "div": Case("Div", [IMAGE, POSITIVE], constants=()),
    "div, constant by value": Case("Div", [scalar(2), POSITIVE], constants=(0,)),
    "div of whole numbers": Case("Div", [WHOLE, ints(2)]),
    "pow 2": Case("Pow", [IMAGE, scalar(2)]),
    "pow 0.5": Case("Pow", [POSITIVE, floats(0.5)]),
    "pow per channel": Case("Pow", [POSITIVE, noise(4, 1, 1)]),
    "pow of whole numbers by a number": Case("Pow", [WHOLE, scalar(2)], opsets=since(12)),
    "mod": Case("Mod", [WHOLE, ints(3)], opsets=since(10)),
    "mod of floats": Case("Mod", [IMAGE, scalar(0.7)], {"fmod": 1}, opsets=since(10)),
    **{op.lower(): Case(op, [IMAGE, -IMAGE, noise(4, 1, 1)], constants=(2,)) for op in ("Sum", "Mean", "Max", "Min")},
    "max of one": Case("Max", [IMAGE]),
    "mean of one": Case("Mean", [IMAGE]),
    "bits": Case("BitwiseAnd", [WHOLE, ints(6)], opsets=since(18)),
    "bits, or": Case("BitwiseOr", [WHOLE, ints(6)], opsets=since(18)),
    "bits, xor": Case("BitwiseXor", [WHOLE, ints(6)], opsets=since(18)),
    "bits, not": Case("BitwiseNot", [WHOLE], opsets=since(18)),
    "bits to the left": Case(
        "BitShift", [WHOLE.astype(np.uint8), np.array([2], np.uint8)], {"direction": "LEFT"}, opsets=since(11)
    ),
    "bits to the right": Case(
        "BitShift", [WHOLE.astype(np.uint8), np.array([2], np.uint8)], {"direction": "RIGHT"}, opsets=since(11)
    ),
}

TRUTH = IMAGE > 0
LOGIC = {
    "equal": Case("Equal", [WHOLE, ints(2, -3, 2, 2)]),
    "greater": Case("Greater", [IMAGE, scalar(0.1)]),
    "less": Case("Less", [IMAGE, scalar(0.1)]),
    "greater or equal": Case("GreaterOrEqual", [IMAGE, scalar(0.1)], opsets=since(12)),
    "less or equal": Case("LessOrEqual", [IMAGE, scalar(0.1)], opsets=since(12)),
    "and": Case("And", [TRUTH, IMAGE > 1]),
    "or": Case("Or", [TRUTH, IMAGE < -1]),
    "xor": Case("Xor", [TRUTH, IMAGE > 1]),
    "not": Case("Not", [TRUTH]),
    "where": Case("Where", [TRUTH, IMAGE, scalar(5)], constants=(2,)),
    "is nan": Case("IsNaN", [floats(1, np.nan, np.inf)]),
    "is inf": Case("IsInf", [floats(1, np.inf, -np.inf)], opsets=since(10)),
    "is inf, positive": Case("IsInf", [floats(1, np.inf, -np.inf)], {"detect_negative": 0}, opsets=since(10)),
    "is inf, neither": Case(
        "IsInf", [floats(1, np.inf)], {"detect_negative": 0, "detect_positive": 0}, opsets=since(10)
    ),
}

WEIGHT = noise(6, 4, 3, 3, seed=2)
CONV = {
    "conv": Case("Conv", [IMAGE, WEIGHT, noise(6)], {"kernel_shape": [3, 3]}),
    "conv without bias": Case("Conv", [IMAGE, WEIGHT], {"pads": [1, 1, 1, 1], "strides": [2, 1]}),
    "conv padded on one side": Case("Conv", [IMAGE, WEIGHT], {"pads": [0, 1, 2, 1]}),
    "conv dilated, grouped": Case("Conv", [IMAGE, noise(6, 2, 3, 2)], {"dilations": [2, 1], "group": 2}),
    "conv same upper": Case("Conv", [IMAGE, WEIGHT], {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    "conv same lower": Case("Conv", [IMAGE, noise(6, 4, 2, 4)], {"auto_pad": "SAME_LOWER", "strides": [2, 2]}),
    "conv valid": Case("Conv", [IMAGE, WEIGHT], {"auto_pad": "VALID"}),
    "conv over one axis": Case("Conv", [noise(2, 4, 9), noise(3, 4, 3)], {"pads": [1, 1]}),
    "conv over three axes": Case("Conv", [noise(1, 2, 5, 6, 7), noise(3, 2, 2, 3, 3)], {"pads": [1, 1, 0, 1, 1, 1]}),
    "conv with computed weights": Case("Conv", [IMAGE, WEIGHT], constants=()),
    "transposed": Case(
        "ConvTranspose", [IMAGE, noise(4, 3, 3, 3), noise(3)], {"strides": [2, 2], "pads": [1, 1, 1, 1]}
    ),
    "transposed, output padding": Case(
        "ConvTranspose", [IMAGE, noise(4, 3, 3, 3)], {"strides": [2, 3], "output_padding": [1, 1]}
    ),
    "transposed, grouped": Case("ConvTranspose", [IMAGE, noise(4, 3, 2, 2)], {"group": 2, "dilations": [2, 1]}),
    "transposed, padded on one side": Case("ConvTranspose", [IMAGE, noise(4, 3, 3, 3)], {"pads": [0, 1, 1, 2]}),
    "transposed, same upper": Case(
        "ConvTranspose", [IMAGE, noise(4, 3, 3, 3)], {"auto_pad": "SAME_UPPER", "strides": [2, 2]}
    ),
    "transposed, same lower": Case(
        "ConvTranspose", [IMAGE, noise(4, 3, 4, 3)], {"auto_pad": "SAME_LOWER", "strides": [3, 2]}
    ),
    "transposed, output shape": Case(
        "ConvTranspose", [IMAGE, noise(4, 3, 3, 3)], {"strides": [3, 3], "output_shape": [20, 27]}
    ),
    "transposed, larger output shape": Case(
        "ConvTranspose", [IMAGE, noise(4, 3, 3, 3)], {"strides": [3, 3], "output_shape": [22, 28]}
    ),
    "transposed over one axis": Case("ConvTranspose", [noise(2, 4, 9), noise(4, 3, 3)], {"strides": [2]}),
}

LINEAR = {
    "gemm": Case("Gemm", [noise(3, 5), noise(5, 4), noise(4)]),
    "gemm, transposed": Case("Gemm", [noise(3, 5), noise(4, 5), noise(4)], {"transB": 1}),
    "gemm, weighted": Case(
        "Gemm", [noise(5, 3), noise(4, 5), noise(4)], {"transA": 1, "transB": 1, "alpha": 0.5, "beta": 2.0}
    ),
    "gemm, bias of one": Case("Gemm", [noise(3, 5), noise(5, 4), floats(0.5)]),
    "gemm, bias of one row": Case("Gemm", [noise(3, 5), noise(5, 4), noise(1, 4)]),
    "gemm, bias per row": Case("Gemm", [noise(3, 5), noise(5, 4), noise(3, 1)]),
    "gemm, full bias": Case("Gemm", [noise(3, 5), noise(5, 4), noise(3, 4)]),
    "gemm without bias": Case("Gemm", [noise(3, 5), noise(5, 4)], opsets=since(11)),
    "gemm of two values": Case("Gemm", [noise(3, 5), noise(5, 4), noise(4)], constants=(2,)),
    "matmul": Case("MatMul", [noise(3, 5), noise(5, 4)]),
    "matmul over the last axis": Case("MatMul", [noise(2, 3, 5), noise(5, 4)]),
    "matmul of two values": Case("MatMul", [noise(2, 3, 5), noise(2, 5, 4)], constants=()),
    "matmul from the left": Case("MatMul", [noise(3, 5), noise(2, 5, 4)], constants=(0,)),
    "matmul by a vector": Case("MatMul", [noise(2, 3, 5), noise(5)]),
    "einsum": Case("Einsum", [noise(2, 3, 5), noise(5, 4)], {"equation": "nij,jk->nik"}, opsets=since(12)),
}


def _pools(op: str) -> dict[str, Case]:
    forms: dict[str, dict[str, Any]] = {
        "": {"kernel_shape": [3, 2]},
        "stride": {"kernel_shape": [3, 3], "strides": [2, 2]},
        "pad": {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]},
        "pad after": {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 0, 1, 1]},
        "pad before": {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 0, 0]},
        "pad unlike": {"kernel_shape": [2, 3], "strides": [1, 2], "pads": [1, 0, 1, 2]},
        "same upper": {"kernel_shape": [3, 2], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
        "same lower": {"kernel_shape": [3, 2], "strides": [2, 2], "auto_pad": "SAME_LOWER"},
        "valid": {"kernel_shape": [3, 2], "strides": [2, 2], "auto_pad": "VALID"},
    }
    return {f"{op.lower()} {name}": Case(op, [IMAGE], attributes) for name, attributes in forms.items()}


_CEIL: dict[str, Any] = {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}
POOLING = {
    **_pools("MaxPool"),
    **_pools("AveragePool"),
    **_pools("LpPool"),
    "max, rounded up": Case("MaxPool", [noise(2, 3, 8, 10)], _CEIL, opsets=since(10)),
    "max, rounded up, padded": Case("MaxPool", [noise(2, 3, 8, 10)], {**_CEIL, "pads": [1, 1, 1, 1]}, opsets=since(10)),
    "max, dilated": Case("MaxPool", [IMAGE], {"kernel_shape": [2, 3], "dilations": [3, 2]}, opsets=since(10)),
    "max over one axis": Case("MaxPool", [noise(2, 3, 9)], {"kernel_shape": [3], "strides": [2]}),
    "max over three axes": Case(
        "MaxPool", [noise(2, 3, 5, 6, 7)], {"kernel_shape": [2, 3, 3], "pads": [0, 1, 1, 1, 1, 1]}
    ),
    "average, rounded up": Case("AveragePool", [noise(2, 3, 8, 10)], _CEIL, opsets=since(10)),
    "average, rounded up, padded": Case(
        "AveragePool", [noise(2, 3, 8, 10)], {**_CEIL, "pads": [1, 1, 1, 1]}, opsets=since(10)
    ),
    "average over the padding": Case(
        "AveragePool", [IMAGE], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}
    ),
    "average over padding on one side": Case(
        "AveragePool", [IMAGE], {"kernel_shape": [3, 3], "pads": [0, 2, 1, 1], "count_include_pad": 1}
    ),
    "average over the padding, same": Case(
        "AveragePool", [IMAGE], {"kernel_shape": [3, 2], "auto_pad": "SAME_UPPER", "count_include_pad": 1}
    ),
    "average over three axes": Case("AveragePool", [noise(2, 3, 5, 6, 7)], {"kernel_shape": [2, 3, 3]}),
    "average over one axis": Case("AveragePool", [noise(2, 3, 9)], {"kernel_shape": [3], "pads": [1, 0]}),
    "average, dilated": Case("AveragePool", [IMAGE], {"kernel_shape": [2, 3], "dilations": [3, 2]}, opsets=since(19)),
    "average, dilated, padded": Case(
        "AveragePool",
        [IMAGE],
        {"kernel_shape": [2, 2], "dilations": [2, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1},
        opsets=since(19),
    ),
    "lp 3": Case("LpPool", [IMAGE], {"kernel_shape": [2, 2], "p": 3}),
    "global average": Case("GlobalAveragePool", [IMAGE]),
    "global average of rows": Case("GlobalAveragePool", [noise(2, 3, 9)]),
    "global maximum": Case("GlobalMaxPool", [IMAGE]),
    "global maximum over three axes": Case("GlobalMaxPool", [noise(2, 3, 4, 5, 6)]),
    "global lp": Case("GlobalLpPool", [IMAGE], opsets=until(21)),
    "global lp 3": Case("GlobalLpPool", [IMAGE], {"p": 3}, opsets=until(21)),
}

VARIANCE = np.abs(noise(4)) + 0.5
NORMS = {
    "batch": Case("BatchNormalization", [IMAGE, noise(4), noise(4, seed=1), noise(4, seed=2), VARIANCE]),
    "batch, eps": Case(
        "BatchNormalization",
        [IMAGE, noise(4), noise(4, seed=1), noise(4, seed=2), VARIANCE],
        {"epsilon": 0.01, "momentum": 0.7},
    ),
    "instance": Case("InstanceNormalization", [IMAGE, noise(4), noise(4, seed=1)], {"epsilon": 0.01}),
    "instance of rows": Case("InstanceNormalization", [noise(2, 4, 9), noise(4), noise(4, seed=1)]),
    "group": Case("GroupNormalization", [IMAGE, noise(2), noise(2, seed=1)], {"num_groups": 2}, opsets=range(18, 21)),
    "group, per channel": Case(
        "GroupNormalization", [IMAGE, noise(4), noise(4, seed=1)], {"num_groups": 2}, opsets=since(21)
    ),
    "layer": Case("LayerNormalization", [IMAGE, noise(9), noise(9, seed=1)], opsets=since(17)),
    "layer without bias": Case(
        "LayerNormalization", [IMAGE, noise(7, 9)], {"axis": 2, "epsilon": 0.01}, opsets=since(17)
    ),
    "layer, one scale": Case("LayerNormalization", [IMAGE, noise(1), noise(1)], opsets=since(17)),
    "rms": Case("RMSNormalization", [IMAGE, noise(9)], opsets=since(23)),
    "lrn": Case("LRN", [IMAGE], {"size": 3, "alpha": 0.5, "beta": 0.6, "bias": 2.0}),
    "lrn as usual": Case("LRN", [IMAGE], {"size": 5}),
    "l2": Case("LpNormalization", [IMAGE], {"axis": 1}),
    "l1": Case("LpNormalization", [IMAGE], {"axis": 2, "p": 1}),
    "mean and variance": Case("MeanVarianceNormalization", [IMAGE]),
    "mean and variance of maps": Case("MeanVarianceNormalization", [IMAGE], {"axes": [2, 3]}),
}

_REDUCE = (
    "ReduceMean",
    "ReduceMax",
    "ReduceMin",
    "ReduceProd",
    "ReduceL1",
    "ReduceL2",
    "ReduceSumSquare",
    "ReduceLogSumExp",
)
REDUCTIONS = {
    **{f"{op} attribute": Case(op, [IMAGE], {"axes": [2, 3]}, opsets=until(17)) for op in (*_REDUCE,)},
    **{f"{op} input": Case(op, [IMAGE, ints(1, -1)], {"keepdims": 0}, opsets=since(18)) for op in (*_REDUCE,)},
    **{f"{op} all": Case(op, [IMAGE / 3]) for op in _REDUCE},
    **{
        f"{op} none": Case(op, [POSITIVE], {"noop_with_empty_axes": 1}, opsets=since(18))
        for op in ("ReduceMean", "ReduceL2", "ReduceMax")
    },
    "sum attribute": Case("ReduceSum", [IMAGE], {"axes": [1], "keepdims": 0}, opsets=until(12)),
    "sum input": Case("ReduceSum", [IMAGE, ints(1)], opsets=since(13)),
    "sum none": Case("ReduceSum", [IMAGE], {"noop_with_empty_axes": 1}, opsets=since(13)),
    "sum of whole numbers": Case("ReduceSum", [WHOLE]),
    "log sum": Case("ReduceLogSum", [POSITIVE], {"axes": [1]}, opsets=until(17)),
    "log sum input": Case("ReduceLogSum", [POSITIVE, ints(1)], opsets=since(18)),
    "argmax": Case("ArgMax", [IMAGE], {"axis": 1}),
    "argmin": Case("ArgMin", [IMAGE], {"axis": -1, "keepdims": 0}),
    "argmax, last": Case("ArgMax", [np.round(IMAGE)], {"axis": 3, "select_last_index": 1}, opsets=since(12)),
    "cumsum": Case("CumSum", [IMAGE, np.array(2)], opsets=since(11)),
    "cumsum, from behind": Case("CumSum", [IMAGE, np.array(2)], {"exclusive": 1, "reverse": 1}, opsets=since(11)),
    "topk, attribute": Case("TopK", [IMAGE], {"k": 3}, outputs=2, opsets=until(9)),
    "topk": Case("TopK", [IMAGE, ints(3)], {"axis": 1}, outputs=2, opsets=since(10)),
    "topk, smallest": Case("TopK", [IMAGE, ints(3)], {"largest": 0}, outputs=2, opsets=since(11)),
}

SHAPES = {
    "shape": Case("Shape", [IMAGE]),
    "shape, part": Case("Shape", [IMAGE], {"start": 1, "end": -1}, opsets=since(15)),
    "size": Case("Size", [IMAGE]),
    "reshape": Case("Reshape", [IMAGE, ints(0, -1, 3)]),
    "reshape, zero": Case("Reshape", [noise(0, 4), ints(4, 0)], {"allowzero": 1}, opsets=since(14)),
    "flatten": Case("Flatten", [IMAGE]),
    "flatten 0": Case("Flatten", [IMAGE], {"axis": 0}),
    "flatten 2": Case("Flatten", [IMAGE], {"axis": 2}),
    "flatten -1": Case("Flatten", [IMAGE], {"axis": -1}, opsets=since(11)),
    "flatten 4": Case("Flatten", [IMAGE], {"axis": 4}),
    "squeeze all": Case("Squeeze", [noise(2, 1, 3, 1)]),
    "squeeze attribute": Case("Squeeze", [noise(2, 1, 3, 1)], {"axes": [1]}, opsets=until(12)),
    "squeeze input": Case("Squeeze", [noise(2, 1, 3, 1), ints(-1)], opsets=since(13)),
    "unsqueeze attribute": Case("Unsqueeze", [noise(2, 3)], {"axes": [0, 3]}, opsets=until(12)),
    "unsqueeze input": Case("Unsqueeze", [noise(2, 3), ints(-1, 0)], opsets=since(13)),
    "transpose": Case("Transpose", [IMAGE], {"perm": [0, 2, 3, 1]}),
    "transpose all": Case("Transpose", [IMAGE]),
    "transpose ones": Case("Transpose", [noise(2, 4, 1, 1)], {"perm": [0, 2, 3, 1]}),
    "expand": Case("Expand", [noise(2, 1, 3), ints(4, 1, 5, 1)]),
    "tile": Case("Tile", [noise(2, 3), ints(2, 3)]),
    "concat": Case("Concat", [IMAGE, noise(2, 2, 7, 9)], {"axis": 1}, constants=()),
    "concat -1": Case("Concat", [IMAGE, noise(2, 4, 7, 1)], {"axis": -1}),
    "split": Case("Split", [IMAGE], {"axis": 1}, outputs=2, opsets=until(17)),
    "split attribute": Case("Split", [IMAGE], {"axis": 1, "split": [3, 1]}, outputs=2, opsets=until(12)),
    "split input": Case("Split", [IMAGE, ints(3, 1)], {"axis": 1}, outputs=2, opsets=since(13)),
    "split in three": Case("Split", [IMAGE], {"axis": 2, "num_outputs": 3}, outputs=3, opsets=since(18)),
    "depth to space": Case("DepthToSpace", [noise(2, 8, 3, 4)], {"blocksize": 2}),
    "depth to space, CRD": Case("DepthToSpace", [noise(2, 8, 3, 4)], {"blocksize": 2, "mode": "CRD"}, opsets=since(11)),
    "space to depth": Case("SpaceToDepth", [noise(2, 3, 4, 6)], {"blocksize": 2}),
    "cast": Case("Cast", [IMAGE], {"to": 7}),
    "cast, floats": Case("Cast", [WHOLE], {"to": 1}),
    "cast like": Case("CastLike", [WHOLE, floats(1)], opsets=since(15)),
    "dropout": Case("Dropout", [IMAGE], {"ratio": 0.3}, opsets=until(11)),
    "dropout input": Case("Dropout", [IMAGE, scalar(0.3), np.array(False)], opsets=since(12)),
    "identity": Case("Identity", [IMAGE]),
}

INDEXING = {
    "slice attributes": Case("Slice", [IMAGE], {"starts": [1, -4], "ends": [9, -1], "axes": [1, 3]}, opsets=until(9)),
    "slice without axes": Case("Slice", [IMAGE], {"starts": [0, 1], "ends": [1, 3]}, opsets=until(9)),
    "slice": Case("Slice", [IMAGE, ints(1, -4), ints(2**62, -1), ints(1, 3)], opsets=since(10)),
    "slice, steps": Case("Slice", [IMAGE, ints(0, 1), ints(100, 100), ints(2, 3), ints(2, 3)], opsets=since(10)),
    "slice, backwards": Case("Slice", [IMAGE, ints(-1), ints(-(2**62)), ints(3), ints(-2)], opsets=since(10)),
    "slice, backwards, part": Case("Slice", [IMAGE, ints(6), ints(1), ints(3), ints(-2)], opsets=since(10)),
    "slice, backwards, counted": Case("Slice", [IMAGE, ints(-2), ints(-5), ints(3), ints(-1)], opsets=since(10)),
    "slice, nothing": Case("Slice", [IMAGE, ints(3), ints(2), ints(3)], opsets=since(10)),
    "gather one": Case("Gather", [IMAGE, np.array(-2)], {"axis": 1}),
    "gather a run": Case("Gather", [IMAGE, ints(1, 2, 3)], {"axis": 3}),
    "gather every second": Case("Gather", [IMAGE, ints(0, 2)], {"axis": 1}),
    "gather turned": Case("Gather", [IMAGE, ints(2, 1, 0, -1)], {"axis": 1}),
    "gather, two axes": Case("Gather", [IMAGE, np.array([[0, 1], [3, 3]])], {"axis": 1}),
    "gather, table": Case("Gather", [noise(6, 3), np.array([[0, 5], [2, 2]])], constants=(0,)),
    "gather elements": Case(
        "GatherElements", [noise(3, 4), np.array([[0, 1], [-1, 2]])], {"axis": 1}, opsets=since(11)
    ),
    "gather nd": Case("GatherND", [noise(3, 4, 2), np.array([[0, 1], [-1, 2]])], opsets=since(11)),
    "scatter": Case("Scatter", [noise(3, 4), np.array([[0, 1]]), noise(1, 2)], {"axis": 1}, opsets=until(10)),
    "scatter elements": Case(
        "ScatterElements", [noise(3, 4), np.array([[0, -1]]), noise(1, 2)], {"axis": 1}, opsets=since(11)
    ),
    "scatter elements, sum": Case(
        "ScatterElements",
        [noise(3, 4), np.array([[0, 0]]), noise(1, 2)],
        {"axis": 1, "reduction": "add"},
        opsets=since(16),
    ),
    "scatter nd": Case("ScatterND", [noise(3, 4), np.array([[0, 1], [-1, 2]]), noise(2)], opsets=since(11)),
    "scatter nd, sum": Case(
        "ScatterND", [noise(3, 4), np.array([[0], [0]]), noise(2, 4)], {"reduction": "add"}, opsets=since(16)
    ),
    "non zero": Case("NonZero", [ints(0, 3, 0, 2)], constants=(0,)),
    "one hot": Case("OneHot", [ints(0, 3, -1), np.array(4), floats(-1, 2)], opsets=since(11)),
    "one hot, axis 0": Case("OneHot", [ints(0, 3), ints(4), floats(0, 1)], {"axis": 0}, opsets=since(11)),
    "upper triangle": Case("Trilu", [noise(3, 4, 5), np.array(1)], opsets=since(14)),
    "lower triangle": Case("Trilu", [noise(3, 4, 5)], {"upper": 0}, opsets=since(14)),
}

CONSTANTS = {
    "constant of shape": Case("ConstantOfShape", [ints(2, 3)], constants=(0,)),
    "range": Case("Range", [np.array(1), np.array(9), np.array(3)], constants=(0, 1, 2), opsets=since(11)),
    "range of floats": Case("Range", [scalar(3), scalar(0), scalar(-0.5)], constants=(0, 1, 2), opsets=since(11)),
    "eye": Case("EyeLike", [noise(3, 4)], {"k": 1}),
    "eye of whole numbers": Case("EyeLike", [noise(3, 4)], {"dtype": 7, "k": -1}),
    "hann": Case("HannWindow", [np.array(9)], constants=(0,), opsets=since(17)),
    "hamming": Case("HammingWindow", [np.array(9)], {"periodic": 0}, constants=(0,), opsets=since(17)),
    "blackman": Case("BlackmanWindow", [np.array(9)], constants=(0,), opsets=since(17)),
}

PADDING = {
    "attributes": Case("Pad", [IMAGE], {"pads": [0, 0, 1, 2, 0, 0, 3, 0]}, opsets=until(10)),
    "attributes, value": Case("Pad", [IMAGE], {"pads": [0, 1, 1, 2, 0, 0, 3, 0], "value": 1.5}, opsets=until(10)),
    "inputs": Case("Pad", [IMAGE, ints(0, 0, 1, 2, 0, 1, 3, 0), scalar(1.5)], opsets=since(11)),
    "no value": Case("Pad", [IMAGE, ints(0, 0, 1, 2, 0, 0, 3, 0)], opsets=since(11)),
    "cut": Case("Pad", [IMAGE, ints(0, 0, -1, 2, 0, 0, 1, -2)], opsets=since(11)),
    "reflect": Case("Pad", [IMAGE, ints(0, 0, 1, 2, 0, 0, 3, 0)], {"mode": "reflect"}, opsets=since(11)),
    "edge": Case("Pad", [IMAGE, ints(0, 0, 1, 2, 0, 0, 3, 0)], {"mode": "edge"}, opsets=since(11)),
    "edge of channels": Case("Pad", [IMAGE, ints(0, 1, 1, 0, 0, 1, 0, 0)], {"mode": "edge"}, opsets=since(11)),
    "reflect of rows": Case("Pad", [noise(3, 5), ints(0, 2, 0, 1)], {"mode": "reflect"}, opsets=since(11)),
    "wrap": Case("Pad", [IMAGE, ints(0, 0, 1, 2, 0, 0, 3, 0)], {"mode": "wrap"}, opsets=since(19)),
    "axes": Case("Pad", [IMAGE, ints(1, 2, 3, 0), None, ints(-1, 2)], opsets=since(18)),
    "centre": Case("CenterCropPad", [IMAGE, ints(5, 12)], {"axes": [2, 3]}, opsets=since(18)),
}

_COORDINATES = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")


def _resize(array: np.ndarray, scales: tuple[float, ...] = (), sizes: tuple[int, ...] = (), **attributes: Any) -> Case:
    first = attributes.pop("first", 11)
    given = [array, None, floats(*scales)] if scales else [array, None, None, ints(*sizes)]
    if first < 13 and sizes:
        given = [array, floats(), floats(), ints(*sizes)]
    elif first < 13:
        given = [array, floats(), floats(*scales)]
    return Case("Resize", given, attributes, opsets=since(first))


RESIZE = {
    "upsample": Case("Upsample", [IMAGE, floats(1, 1, 2, 3)], {"mode": "nearest"}, opsets=until(9)),
    "upsample linear": Case("Upsample", [IMAGE, floats(1, 1, 2, 3)], {"mode": "linear"}, opsets=until(9)),
    "10": Case("Resize", [IMAGE, floats(1, 1, 1.7, 0.6)], {"mode": "nearest"}, opsets=range(10, 11)),
    "10 linear": Case("Resize", [IMAGE, floats(1, 1, 2, 2)], {"mode": "linear"}, opsets=range(10, 11)),
    **{
        f"nearest {coordinates} {rounding} {size}": _resize(
            IMAGE,
            sizes=(2, 4, *size),
            mode="nearest",
            coordinate_transformation_mode=coordinates,
            nearest_mode=rounding,
        )
        for coordinates in (*_COORDINATES, "tf_half_pixel_for_nn")
        for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
        for size in ((14, 18), (5, 4), (11, 1))
    },
    **{
        f"{mode} {coordinates} {size}": _resize(
            IMAGE, sizes=(2, 4, *size), mode=mode, coordinate_transformation_mode=coordinates
        )
        for mode in ("linear", "cubic")
        for coordinates in _COORDINATES
        for size in ((14, 18), (5, 4), (11, 1))
    },
    "scales that are no quotient": _resize(IMAGE, (1, 1, 1.3, 2.4), mode="linear"),
    "scales that are no quotient, nearest": _resize(IMAGE, (1, 1, 1.3, 2.4), mode="nearest"),
    "linear over one axis": _resize(noise(2, 3, 9), sizes=(2, 3, 20), mode="linear"),
    "linear over three axes": _resize(noise(1, 2, 3, 4, 5), (1, 1, 2, 2, 2), mode="linear"),
    "linear of channels": _resize(IMAGE, (1, 2, 1, 1), mode="linear"),
    "nearest of channels": _resize(IMAGE, (1, 2, 1, 1), mode="nearest"),
    "nothing": _resize(IMAGE, (1, 1, 1, 1), mode="linear"),
    "cubic, own coefficient": _resize(IMAGE, (1, 1, 2, 2), mode="cubic", cubic_coeff_a=-0.5),
    "cubic, inside": _resize(IMAGE, (1, 1, 2, 2), mode="cubic", exclude_outside=1),
    "antialias": _resize(noise(1, 2, 12, 14), (1, 1, 0.5, 0.6), mode="linear", antialias=1, first=18),
    "antialias, cubic": _resize(noise(1, 2, 12, 14), sizes=(1, 2, 7, 5), mode="cubic", antialias=1, first=18),
    "axes": _resize(IMAGE, sizes=(10, 20), mode="linear", axes=[2, 3], first=18),
    "not larger": _resize(
        IMAGE, sizes=(10, 20), mode="nearest", axes=[2, 3], keep_aspect_ratio_policy="not_larger", first=18
    ),
    "not smaller": _resize(
        IMAGE, sizes=(10, 20), mode="linear", axes=[2, 3], keep_aspect_ratio_policy="not_smaller", first=18
    ),
    "symmetric": _resize(
        IMAGE, (1, 1, 1.3, 2.4), mode="linear", coordinate_transformation_mode="half_pixel_symmetric", first=19
    ),
}


def _recurrent(op: str, gates: int, **attributes: Any) -> Case:
    directions = 2 if attributes.get("direction") == "bidirectional" else 1
    given = [
        noise(5, 2, 3),
        noise(directions, gates * 4, 3, seed=1),
        noise(directions, gates * 4, 4, seed=2),
        noise(directions, 2 * gates * 4, seed=3),
    ]
    return Case(op, given, {"hidden_size": 4, **attributes}, outputs=3 if op == "LSTM" else 2)


_STATES = [None, noise(1, 2, 4, seed=5), noise(1, 2, 4, seed=6)]
RECURRENT = {
    "lstm": _recurrent("LSTM", 4),
    "lstm, both ways": _recurrent("LSTM", 4, direction="bidirectional"),
    "lstm, backwards": _recurrent("LSTM", 4, direction="reverse"),
    "lstm, states": Case("LSTM", [*_recurrent("LSTM", 4).inputs, *_STATES], {"hidden_size": 4}, outputs=3),
    "lstm without bias": Case("LSTM", _recurrent("LSTM", 4).inputs[:3], {"hidden_size": 4}, outputs=3),
    "gru": _recurrent("GRU", 3, linear_before_reset=1),
    "gru, both ways": _recurrent("GRU", 3, linear_before_reset=1, direction="bidirectional"),
    "rnn": _recurrent("RNN", 1),
    "rnn, relu": _recurrent("RNN", 1, activations=["Relu"]),
}

ONLY_REFERENCE = {
    "conv same lower, dilated": Case(
        "Conv", [IMAGE, noise(6, 4, 2, 2)], {"auto_pad": "SAME_LOWER", "dilations": [2, 3]}
    ),
    "lrn, even": Case("LRN", [noise(7, 7, 3, 3)], {"size": 4, "alpha": 0.5}),
}
"""Forms that ONNX Runtime does not have, for the reference evaluator of the onnx package."""

CASES: dict[str, dict[str, Case]] = {
    "activation": ACTIVATIONS,
    "softmax": SOFTMAX,
    "arithmetic": ARITHMETIC,
    "logic": LOGIC,
    "conv": CONV,
    "linear": LINEAR,
    "pooling": POOLING,
    "norm": NORMS,
    "reduction": REDUCTIONS,
    "shape": SHAPES,
    "indexing": INDEXING,
    "constants": CONSTANTS,
    "padding": PADDING,
    "resize": RESIZE,
    "recurrent": RECURRENT,
}
"""Cases by file of ``converters/onnx/ops``."""
