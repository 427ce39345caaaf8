"""Nets with one setting that is wrong, which both Caffe and we refuse."""

from __future__ import annotations

from prototxt.net.build import input_layer, layer, net


def one_layer(type, bottoms=("data",), tops=None, **fields):
    inputs = {"data": (2, 4, 6, 6), "other": (2, 4, 5, 6), "flat": (2, 4)}
    return net(
        "wrong", [*(input_layer(n, s) for n, s in inputs.items()), layer(type, "wrong", bottoms, tops, **fields)]
    )


def recurrent(type, *shapes, tops=("x",), **fields):
    names = "abcde"[: len(shapes)]
    return net("wrong", [*map(input_layer, names, shapes), layer(type, "wrong", [*names], tops, **fields)])


UNITS = {"recurrent_param": {"num_output": 4}}
EXPOSED = {"recurrent_param": {"num_output": 4, "expose_hidden": True}, "tops": ("x", "y", "z")}

REFUSED = {
    "group": one_layer("Convolution", convolution_param={"num_output": 3, "kernel_size": [1], "group": 2}),
    "kernel": one_layer("Convolution", convolution_param={"num_output": 3, "kernel_size": [9]}),
    "no_kernel": one_layer("Convolution", convolution_param={"num_output": 3}),
    "kernels": one_layer("Convolution", convolution_param={"num_output": 3, "kernel_size": [1, 1, 1]}),
    "both_kernels": one_layer("Convolution", convolution_param={"num_output": 3, "kernel_size": [1], "kernel_h": 1}),
    "no_output": one_layer("Convolution", convolution_param={"kernel_size": [1]}),
    "zero_stride": one_layer("Convolution", convolution_param={"num_output": 1, "kernel_size": [1], "stride": [0]}),
    "tops": one_layer("Convolution", tops=["a", "b"], convolution_param={"num_output": 1, "kernel_size": [1]}),
    "pool_pad": one_layer("Pooling", pooling_param={"kernel_size": 2, "pad": 2}),
    "pool_flat": one_layer("Pooling", ("flat",), pooling_param={"kernel_size": 2}),
    "pool_half": one_layer("Pooling", pooling_param={"kernel_h": 2}),
    "pool_global": one_layer("Pooling", pooling_param={"global_pooling": True, "kernel_size": 2}),
    "pool_mask": one_layer("Pooling", tops=["a", "b"], pooling_param={"pool": "AVE", "kernel_size": 2}),
    "concat": one_layer("Concat", ("data", "other")),
    "eltwise": one_layer("Eltwise", ("data", "other")),
    "eltwise_one": one_layer("Eltwise", ("data",)),
    "coeff": one_layer("Eltwise", ("data", "data"), eltwise_param={"coeff": [1]}),
    "slice": one_layer("Slice", tops=["a", "b", "c"]),
    "slice_point": one_layer("Slice", tops=["a", "b"], slice_param={"slice_point": [5]}),
    "axis": one_layer("InnerProduct", ("flat",), inner_product_param={"num_output": 1, "axis": 2}),
    "lrn_even": one_layer("LRN", lrn_param={"local_size": 4}),
    "lrn_flat": one_layer("LRN", ("flat",)),
    "crop": one_layer("Crop", ("other", "data")),
    "reshape": one_layer("Reshape", reshape_param={"shape": {"dim": [0, 5, -1]}}),
    "scale": one_layer("Scale", ("data", "flat"), scale_param={"axis": 1}),
    "scale_axes": one_layer("Scale", scale_param={"axis": 2, "num_axes": 3}),
    "labels": one_layer("SoftmaxWithLoss", ("data", "flat")),
    "accuracy": one_layer("Accuracy", ("flat", "data")),
    "arg_max": one_layer("ArgMax", argmax_param={"axis": 1, "top_k": 5}),
    "absolute": one_layer("AbsVal", tops=["data"]),
    "loss_weight": one_layer("SoftmaxWithLoss", ("flat", "flat"), tops=["a", "b"], softmax_param={"axis": 0}),
    "unknown_type": one_layer("Convolutoin"),
    "unknown_bottom": one_layer("ReLU", ("dta",)),
    "twice": one_layer("ReLU", ("data",), ["other"]),
    "shared_in_place": net("wrong", [*one_layer("ReLU", tops=["data"]).layer, layer("ReLU", "x", "data"),
                                     layer("ReLU", "y", "data", "data")]),
    "lstm_vectors": recurrent("LSTM", (5, 2), (5, 2), **UNITS),
    "lstm_cont": recurrent("LSTM", (5, 2, 3), (5, 2, 1), **UNITS),
    "lstm_time": recurrent("LSTM", (5, 2, 3), (4, 2), **UNITS),
    "lstm_static": recurrent("LSTM", (5, 2, 3), (5, 2), (2,), **UNITS),
    "lstm_static_batch": recurrent("LSTM", (5, 2, 3), (5, 2), (3, 4), **UNITS),
    "lstm_state": recurrent("LSTM", (5, 2, 3), (5, 2), (1, 2, 4), (1, 2, 5), **EXPOSED),
    "lstm_one_state": recurrent("LSTM", (5, 2, 3), (5, 2), (1, 2, 4), **EXPOSED),
    "lstm_no_output": recurrent("LSTM", (5, 2, 3), (5, 2)),
    "rnn_state": recurrent("RNN", (5, 2, 3), (5, 2), (2, 4), **EXPOSED | {"tops": ("x", "y")}),
    "unit_cont": recurrent("LSTMUnit", (1, 2, 3), (1, 2, 12), (1, 2, 1), tops=("x", "y")),
    "unit_time": recurrent("LSTMUnit", (2, 2, 3), (2, 2, 12), (2, 2), tops=("x", "y")),
    "filter_selector": recurrent("Filter", (4, 3), (4, 2)),
    "filter_batch": recurrent("Filter", (5, 3), (4,)),
}  # fmt: skip
