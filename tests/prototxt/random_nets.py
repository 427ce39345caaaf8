"""Random nets for property tests: layers are drawn one after the other, and those that do not fit are left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

from prototxt.common.errors import NetError
from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.net.build import input_layer, layer, net
from prototxt.net.graph import NetGraph
from prototxt.net.shapes import infer_shapes

Maker = Callable[[Random, str, list[str]], LayerParameter]


def random_net(rng: Random, makers: Mapping[str, Maker], shape: tuple[int, ...], layers: int) -> NetParameter:
    """Draw a valid net that ends with up to ``layers`` layers on an input of ``shape``."""
    made = net("random", [input_layer("data", shape)])
    for number in range(layers):
        graph = NetGraph(made)
        blobs = [value.blob for value in graph.values]
        # Mostly the newest blobs, so that nets grow deep.
        recent = rng.sample(blobs[-2:], 1) + rng.sample(blobs, 1)
        drawn = makers[rng.choice(list(makers))](rng, f"l{number}", recent)
        candidate = net("random", [*made.layer, drawn])
        try:
            infer_shapes(candidate)
        except NetError:
            continue
        made = candidate
    return made


def convolution(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    param = {"num_output": rng.choice([1, 2, 4]), "group": rng.choice([1, 1, 2]), "bias_term": rng.random() < 0.5}
    if rng.random() < 0.5:
        param |= {"kernel_h": rng.randint(1, 4), "kernel_w": rng.randint(1, 4)}
    else:
        param |= {"kernel_size": [rng.randint(1, 4) for _ in range(rng.choice([1, 2]))]}
    if rng.random() < 0.4:
        param |= {"stride_h": rng.randint(1, 3), "stride_w": rng.randint(1, 3)}
    elif rng.random() < 0.5:
        param |= {"stride": [rng.randint(1, 3)]}
    if rng.random() < 0.3:
        param |= {"pad_h": rng.randint(0, 2), "pad_w": rng.randint(0, 2)}
    elif rng.random() < 0.5:
        param |= {"pad": [rng.randint(0, 2)]}
    if rng.random() < 0.3:
        param |= {"dilation": [rng.randint(1, 3)]}
    return layer("Convolution", name, bottoms[0], convolution_param=param)


def deconvolution(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    made = convolution(rng, name, bottoms)
    made.type = "Deconvolution"
    return made


def pooling(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    param: dict[str, object] = {"pool": rng.choice(["MAX", "AVE"])}
    if rng.random() < 0.1:
        return layer("Pooling", name, bottoms[0], pooling_param=param | {"global_pooling": True})
    if rng.random() < 0.5:
        param |= {"kernel_size": rng.randint(1, 4), "stride": rng.randint(1, 3), "pad": rng.randint(0, 2)}
    else:
        param |= {"kernel_h": rng.randint(1, 4), "kernel_w": rng.randint(1, 4)}
        param |= {"stride_h": rng.randint(1, 3), "stride_w": rng.randint(1, 3)}
        param |= {"pad_h": rng.randint(0, 2), "pad_w": rng.randint(0, 2)}
    return layer("Pooling", name, bottoms[0], pooling_param=param)


def relu(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    return layer("ReLU", name, bottoms[0], rng.choice([name, bottoms[0]]))


def lrn(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    region = rng.choice(["ACROSS_CHANNELS", "WITHIN_CHANNEL"])
    return layer("LRN", name, bottoms[0], lrn_param={"local_size": rng.choice([1, 3, 5]), "norm_region": region})


def eltwise(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    return layer("Eltwise", name, bottoms, eltwise_param={"operation": rng.choice(["SUM", "PROD", "MAX"])})


def concat(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    return layer("Concat", name, bottoms, concat_param={"axis": rng.choice([1, 1, 2, -1])})


def slice_layer(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    points = [rng.randint(1, 4)] if rng.random() < 0.7 else []
    param = {"axis": rng.choice([1, 2, 3]), "slice_point": points}
    return layer("Slice", name, bottoms[0], [f"{name}a", f"{name}b"], slice_param=param)


def crop(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    param = {"axis": rng.choice([2, 2, 3]), "offset": [rng.randint(0, 2) for _ in range(rng.choice([1, 2]))]}
    return layer("Crop", name, bottoms, crop_param=param)


def tile(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    return layer("Tile", name, bottoms[0], tile_param={"axis": rng.choice([1, 2, -1]), "tiles": 2})


def softmax(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    return layer("Softmax", name, bottoms[0], softmax_param={"axis": rng.choice([1, 2, 3])})


def mvn(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    return layer("MVN", name, bottoms[0], mvn_param={"across_channels": rng.random() < 0.5})


def scale(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    if rng.random() < 0.5:
        return layer("Scale", name, bottoms, scale_param={"axis": rng.choice([0, 1])})
    param = {"axis": rng.choice([0, 1, 2]), "num_axes": rng.choice([-1, 0, 1, 2]), "bias_term": rng.random() < 0.5}
    return layer("Scale", name, bottoms[0], scale_param=param)


def inner_product(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    param = {"num_output": rng.randint(1, 4), "axis": rng.choice([1, 2, 3, -1]), "transpose": rng.random() < 0.3}
    return layer("InnerProduct", name, bottoms[0], inner_product_param=param)


def reduction(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    return layer("Reduction", name, bottoms[0], reduction_param={"axis": rng.choice([1, 2, 3, -1])})


def flatten(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    return layer(
        "Flatten", name, bottoms[0], flatten_param={"axis": rng.choice([1, 2]), "end_axis": rng.choice([-1, 2])}
    )


def reshape(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    dims = rng.choice([[0, -1, 0, 0], [0, 0, -1], [0, 2, -1, 0, 0], [0, 1, 0, -1], [-1, 2]])
    return layer("Reshape", name, bottoms[0], reshape_param={"shape": {"dim": dims}})


SPATIAL_MAKERS: dict[str, Maker] = {
    "Convolution": convolution,
    "Deconvolution": deconvolution,
    "Pooling": pooling,
    "ReLU": relu,
    "LRN": lrn,
    "Eltwise": eltwise,
    "Concat": concat,
    "Slice": slice_layer,
    "Crop": crop,
    "Tile": tile,
    "Softmax": softmax,
    "MVN": mvn,
    "Scale": scale,
    "InnerProduct": inner_product,
    "Reduction": reduction,
    "Flatten": flatten,
    "Reshape": reshape,
}


def spp(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    return layer("SPP", name, bottoms[0], spp_param={"pyramid_height": rng.randint(1, 3)})


def batch_norm(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    return layer("BatchNorm", name, bottoms[0])


def bias(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    return layer(
        "Bias", name, bottoms[0], bias_param={"axis": rng.choice([0, 1, -1]), "num_axes": rng.choice([-1, 0, 1])}
    )


def prelu(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    return layer("PReLU", name, bottoms[0], prelu_param={"channel_shared": rng.random() < 0.5})


def arg_max(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    param = {"top_k": rng.randint(1, 3), "out_max_val": rng.random() < 0.5}
    return layer(
        "ArgMax", name, bottoms[0], argmax_param=param | ({"axis": rng.choice([1, 2])} if rng.random() < 0.5 else {})
    )


def im2col(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    return layer("Im2col", name, bottoms[0], convolution_param={"kernel_size": [rng.randint(1, 3)], "stride": [2]})


def split(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    return layer("Split", name, bottoms[0], [f"{name}a", f"{name}b"])


def simple(*types: str) -> Maker:
    def make(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
        return layer(rng.choice(types), name, bottoms[0])

    return make


def dummy_data(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    shape = [rng.randint(1, 3) for _ in range(rng.randint(1, 4))]
    return layer("DummyData", name, (), dummy_data_param={"shape": [{"dim": shape}]})


def softmax_loss(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    # Its second top needs a loss_weight per top, which Caffe 1.0 hands on to its inner Softmax and then refuses.
    return layer("SoftmaxWithLoss", name, bottoms, softmax_param={"axis": rng.choice([1, 2])})


def accuracy(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    return layer("Accuracy", name, bottoms, [f"{name}a", f"{name}b"][: rng.randint(1, 2)])


def pair_loss(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    return layer(rng.choice(["EuclideanLoss", "SigmoidCrossEntropyLoss"]), name, [bottoms[0], bottoms[0]])


def embed(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    return layer(
        "Embed", name, bottoms[0], embed_param={"num_output": 3, "input_dim": 5, "bias_term": rng.random() < 0.5}
    )


NEURONS = ("AbsVal", "BNLL", "Clip", "ELU", "Exp", "Log", "Power", "Sigmoid", "Swish", "TanH", "Threshold", "Dropout")
ALL_MAKERS: dict[str, Maker] = {
    **SPATIAL_MAKERS,
    "SPP": spp,
    "BatchNorm": batch_norm,
    "Bias": bias,
    "PReLU": prelu,
    "ArgMax": arg_max,
    "Im2col": im2col,
    "Split": split,
    "DummyData": dummy_data,
    "SoftmaxWithLoss": softmax_loss,
    "Accuracy": accuracy,
    "EuclideanLoss": pair_loss,
    "Embed": embed,
    "Neurons": simple(*NEURONS),
}
