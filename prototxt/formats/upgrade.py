"""Old forms of nets and solvers made new, by the rules of Caffe's ``upgrade_proto.cpp`` and in its order."""

from __future__ import annotations

from google.protobuf.message import Message

from prototxt.common.errors import FormatError
from prototxt.formats.schema import (
    LayerParameter,
    NetParameter,
    PoolingParameter,
    SolverParameter,
    V1LayerParameter,
)
from prototxt.formats.upgrade_v0 import is_v0, upgrade_v0

TYPES = {
    "NONE": "",
    "ABSVAL": "AbsVal",
    "ACCURACY": "Accuracy",
    "ARGMAX": "ArgMax",
    "BNLL": "BNLL",
    "CONCAT": "Concat",
    "CONTRASTIVE_LOSS": "ContrastiveLoss",
    "CONVOLUTION": "Convolution",
    "DATA": "Data",
    "DECONVOLUTION": "Deconvolution",
    "DROPOUT": "Dropout",
    "DUMMY_DATA": "DummyData",
    "ELTWISE": "Eltwise",
    "EUCLIDEAN_LOSS": "EuclideanLoss",
    "EXP": "Exp",
    "FLATTEN": "Flatten",
    "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output",
    "HINGE_LOSS": "HingeLoss",
    "IM2COL": "Im2col",
    "IMAGE_DATA": "ImageData",
    "INFOGAIN_LOSS": "InfogainLoss",
    "INNER_PRODUCT": "InnerProduct",
    "LRN": "LRN",
    "MEMORY_DATA": "MemoryData",
    "MULTINOMIAL_LOGISTIC_LOSS": "MultinomialLogisticLoss",
    "MVN": "MVN",
    "POOLING": "Pooling",
    "POWER": "Power",
    "RELU": "ReLU",
    "SIGMOID": "Sigmoid",
    "SIGMOID_CROSS_ENTROPY_LOSS": "SigmoidCrossEntropyLoss",
    "SILENCE": "Silence",
    "SLICE": "Slice",
    "SOFTMAX": "Softmax",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
    "SPLIT": "Split",
    "TANH": "TanH",
    "THRESHOLD": "Threshold",
    "WINDOW_DATA": "WindowData",
}
SOLVER_TYPES = {
    "SGD": "SGD",
    "NESTEROV": "Nesterov",
    "ADAGRAD": "AdaGrad",
    "RMSPROP": "RMSProp",
    "ADADELTA": "AdaDelta",
    "ADAM": "Adam",
}

_TRANSFORMED = {"DATA": "data_param", "IMAGE_DATA": "image_data_param", "WINDOW_DATA": "window_data_param"}
_TRANSFORM_FIELDS = ("scale", "mean_file", "crop_size", "mirror")

# Fields of a V1 layer that do not keep their name; the other ones are copied as they are.
_PARAM_FIELDS = {"param": "name", "blob_share_mode": "share_mode", "blobs_lr": "lr_mult", "weight_decay": "decay_mult"}
_NOT_COPIED = {"type", "layer", *_PARAM_FIELDS}


def upgrade_net(net: NetParameter, source: str = "the net") -> NetParameter:
    """Make a net new: V0 and V1 layers, data transforms, ``input`` fields, BatchNorm's parameters.

    Parameters
    ----------
    net : of any age; it stays as it is.
    source : what errors call it.

    Returns
    -------
    A net of ``layer`` only, equal to a copy where nothing was old.

    Raises
    ------
    FormatError : if the net mixes old and new layers, or is in another way not to be understood.
    """
    upgraded = upgrade_v0(net, source) if is_v0(net) else NetParameter()
    if not is_v0(net):
        upgraded.CopyFrom(net)
    for layer in upgraded.layers:
        _move_transform(layer)
    if upgraded.layers:
        if upgraded.layer:
            raise FormatError(
                f"{source}: has both 'layer' and 'layers' (the form of 2014), of which Caffe refuses a mixture; "
                "write them all as 'layer'"
            )
        upgraded.layer.extend(_upgrade_v1_layer(layer) for layer in upgraded.layers)
        upgraded.ClearField("layers")
    if upgraded.input:
        upgraded = _with_input_layer(upgraded, source)
    for new_layer in upgraded.layer:
        _freeze_batch_norm(new_layer)
        _replace_ceil_mode(new_layer)
    return upgraded


def upgrade_solver(solver: SolverParameter, source: str = "the solver") -> SolverParameter:
    """Make a solver new (``type`` in place of ``solver_type``); the solver that is given stays as it is.

    Raises
    ------
    FormatError : if it has both fields.
    """
    upgraded = SolverParameter()
    upgraded.CopyFrom(solver)
    if solver.HasField("solver_type"):
        if solver.HasField("type"):
            raise FormatError(f"{source}: has both solver_type (the old field) and type; keep type")
        upgraded.type = SOLVER_TYPES[SolverParameter.SolverType.Name(solver.solver_type)]
        upgraded.ClearField("solver_type")
    return upgraded


def _replace_ceil_mode(layer: LayerParameter) -> None:
    """Say ``ceil_mode`` of forks as ``round_mode``, which Caffe's master has; rounding up is what Caffe always does."""
    param = layer.pooling_param
    if not param.HasField("ceil_mode"):
        return
    if not param.ceil_mode:
        param.round_mode = PoolingParameter.FLOOR
    param.ClearField("ceil_mode")


def _move_transform(layer: V1LayerParameter) -> None:
    data = _TRANSFORMED.get(V1LayerParameter.LayerType.Name(layer.type))
    if not data or not layer.HasField(data):
        return
    param: Message = getattr(layer, data)
    for name in _TRANSFORM_FIELDS:
        if param.HasField(name):
            setattr(layer.transform_param, name, getattr(param, name))
            param.ClearField(name)


def _upgrade_v1_layer(old: V1LayerParameter) -> LayerParameter:
    new = LayerParameter()
    for field, value in old.ListFields():
        if field.name in _NOT_COPIED:
            continue
        if field.is_repeated:
            getattr(new, field.name).extend(value)
        elif isinstance(value, Message):
            getattr(new, field.name).CopyFrom(value)
        else:
            setattr(new, field.name, value)
    new.type = TYPES[V1LayerParameter.LayerType.Name(old.type)]
    for name, new_name in _PARAM_FIELDS.items():
        for index, value in enumerate(getattr(old, name)):
            while len(new.param) <= index:
                new.param.add()
            setattr(new.param[index], new_name, value)
    return new


def _with_input_layer(net: NetParameter, source: str) -> NetParameter:
    upgraded = NetParameter()
    upgraded.CopyFrom(net)
    for name in ("input", "input_shape", "input_dim", "layer"):
        upgraded.ClearField(name)
    shapes = [list(shape.dim) for shape in net.input_shape]
    if not shapes:
        dims = list(net.input_dim)
        shapes = [dims[start : start + 4] for start in range(0, len(dims) - 3, 4)]
    if (net.input_shape or net.input_dim) and len(shapes) < len(net.input):
        raise FormatError(
            f"{source}: has {len(net.input)} inputs but {len(net.input_shape)} input_shape and {len(net.input_dim)} "
            "input_dim; give every input one input_shape, or four input_dim"
        )
    if shapes:
        layer = upgraded.layer.add(name="input", type="Input", top=net.input)
        for shape in shapes[: len(net.input)]:  # Caffe does not look at surplus ones
            layer.input_param.shape.add(dim=shape)
    upgraded.layer.extend(net.layer)
    return upgraded


def _freeze_batch_norm(layer: LayerParameter) -> None:
    """Statistics are not learned: files from before Caffe set this itself give BatchNorm three ``param``."""
    if layer.type == "BatchNorm" and len(layer.param) == 3:
        for spec in layer.param:
            spec.lr_mult = spec.decay_mult = 0
