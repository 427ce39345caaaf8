"""The layer types of stock Caffe: how many bottoms and tops they take, what they may overwrite, what they are for.

How many parameter blobs they have is in `prototxt.formats.parameter_blobs`.

Source: the layers' headers (``ExactNumBottomBlobs`` …), ``CHECK``s and backward passes in BVLC Caffe, tag 1.0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

MANY = 1 << 30


@dataclass(frozen=True)
class LayerType:
    """What stock Caffe takes of one layer type.

    Attributes
    ----------
    bottoms, tops : smallest and largest number.
    in_place : a top may have the name of its bottom: "yes"; "wrong" where Caffe accepts it and computes wrong numbers
        or gradients; "refused" where it aborts.
    param : the field of the layer that holds its settings, '' for none.
    master_only : not in tag 1.0.
    """

    bottoms: tuple[int, int] = (1, 1)
    tops: tuple[int, int] = (1, 1)
    in_place: str = "wrong"
    param: str = ""
    master_only: bool = False


_DATA = LayerType((0, 0), (2, 2))
_LOSS = LayerType((2, 2), (0, 1))

LAYER_TYPES: dict[str, LayerType] = {
    "AbsVal": LayerType(in_place="refused"),
    "Accuracy": LayerType((2, 2), (1, 2), param="accuracy_param"),
    "ArgMax": LayerType(param="argmax_param"),
    "BNLL": LayerType(),
    "BatchNorm": LayerType(in_place="yes", param="batch_norm_param"),
    "BatchReindex": LayerType((2, 2)),
    "Bias": LayerType((1, 2), in_place="yes", param="bias_param"),
    "Clip": LayerType(in_place="wrong", param="clip_param", master_only=True),
    "Concat": LayerType((1, MANY), param="concat_param"),
    "ContrastiveLoss": LayerType((3, 3), (0, 1), param="contrastive_loss_param"),
    "Convolution": LayerType((1, MANY), (1, MANY), param="convolution_param"),
    "Crop": LayerType((2, 2), param="crop_param"),
    "Data": LayerType((0, 0), (1, 2), param="data_param"),
    "Deconvolution": LayerType((1, MANY), (1, MANY), param="convolution_param"),
    "Dropout": LayerType(in_place="yes", param="dropout_param"),
    "DummyData": LayerType((0, 0), (1, MANY), param="dummy_data_param"),
    "ELU": LayerType(in_place="yes", param="elu_param"),
    "Eltwise": LayerType((2, MANY), param="eltwise_param"),
    "Embed": LayerType(param="embed_param"),
    "EuclideanLoss": _LOSS,
    "Exp": LayerType(in_place="yes", param="exp_param"),
    "Filter": LayerType((2, MANY), (1, MANY)),
    "Flatten": LayerType(in_place="refused", param="flatten_param"),
    "HDF5Data": LayerType((0, 0), (1, MANY), param="hdf5_data_param"),
    "HDF5Output": LayerType((2, 2), (0, 0), param="hdf5_output_param"),
    "HingeLoss": replace(_LOSS, param="hinge_loss_param"),
    "Im2col": LayerType(param="convolution_param"),
    "ImageData": replace(_DATA, param="image_data_param"),
    "InfogainLoss": LayerType((2, 3), (0, 2), param="infogain_loss_param"),
    "InnerProduct": LayerType(param="inner_product_param"),
    "Input": LayerType((0, 0), (1, MANY), param="input_param"),
    "LRN": LayerType(param="lrn_param"),
    "LSTM": LayerType((2, 5), (1, 3), param="recurrent_param"),
    "LSTMUnit": LayerType((3, 3), (2, 2)),
    "Log": LayerType(param="log_param"),
    "MVN": LayerType(param="mvn_param"),
    "MemoryData": replace(_DATA, param="memory_data_param"),
    "MultinomialLogisticLoss": _LOSS,
    "PReLU": LayerType(in_place="yes", param="prelu_param"),
    "Parameter": LayerType((0, 0), param="parameter_param"),
    "Pooling": LayerType(tops=(1, 2), param="pooling_param"),
    "Power": LayerType(param="power_param"),  # its backward pass overwrites the gradient before it has read it
    "Python": LayerType((0, MANY), (0, MANY), in_place="yes", param="python_param"),
    "RNN": LayerType((2, 4), (1, 2), param="recurrent_param"),
    "ReLU": LayerType(in_place="yes", param="relu_param"),
    "Reduction": LayerType(param="reduction_param"),
    "Reshape": LayerType(in_place="refused", param="reshape_param"),
    "SPP": LayerType(param="spp_param"),
    "Scale": LayerType((1, 2), in_place="yes", param="scale_param"),
    "Sigmoid": LayerType(in_place="yes", param="sigmoid_param"),
    "SigmoidCrossEntropyLoss": _LOSS,
    "Silence": LayerType((1, MANY), (0, 0)),
    "Slice": LayerType(tops=(1, MANY), param="slice_param"),
    "Softmax": LayerType(in_place="yes", param="softmax_param"),
    "SoftmaxWithLoss": replace(_LOSS, param="softmax_param"),  # a second top trips over its own loss_weight check
    "Split": LayerType(tops=(1, MANY), in_place="refused"),
    "Swish": LayerType(in_place="yes", param="swish_param", master_only=True),
    "TanH": LayerType(in_place="yes", param="tanh_param"),
    "Threshold": LayerType(in_place="yes", param="threshold_param"),
    "Tile": LayerType(param="tile_param"),
    "WindowData": replace(_DATA, param="window_data_param"),
}

CONVOLUTION_TYPES = frozenset({"Convolution", "Deconvolution"})
UNIT_TYPES = CONVOLUTION_TYPES | {"InnerProduct"}  # whose outputs are units, with weights of their own
ACTIVATION_TYPES = frozenset({"AbsVal", "BNLL", "Clip", "ELU", "PReLU", "ReLU", "Sigmoid", "Swish", "TanH"})
NORMALISATION_TYPES = frozenset({"BatchNorm", "Bias", "Scale"})
# Caffe gives these a top when the prototxt does not (LossLayer::AutoTopBlobs), so that their loss counts.
LOSS_TYPES = frozenset(name for name in LAYER_TYPES if name.endswith("Loss"))


def shares_gradient(type: str, bottoms: int, tops: int) -> bool:
    """Whether the gradient of a layer's (first) top is the memory of its bottom's, with no backward pass of its own.

    Source: ``ShareDiff`` in reshape_layer.cpp, concat_layer.cpp, slice_layer.cpp and recurrent_layer.cpp.
    """
    alone = {"Concat": bottoms, "Slice": tops}
    return type in ("Reshape", "LSTM", "RNN") or alone.get(type) == 1
