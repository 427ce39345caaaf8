"""V0 nets (2013: ``layers { layer { type: "conv" … } }``) made V1.

Source: UpgradeV0PaddingLayers and UpgradeV0LayerParameter in Caffe's ``upgrade_proto.cpp``.
"""

from __future__ import annotations

from google.protobuf.message import Message

from prototxt.common.errors import FormatError
from prototxt.formats.schema import NetParameter, V0LayerParameter, V1LayerParameter

V1_TYPES = {
    "accuracy": "ACCURACY",
    "bnll": "BNLL",
    "concat": "CONCAT",
    "conv": "CONVOLUTION",
    "data": "DATA",
    "dropout": "DROPOUT",
    "euclidean_loss": "EUCLIDEAN_LOSS",
    "flatten": "FLATTEN",
    "hdf5_data": "HDF5_DATA",
    "hdf5_output": "HDF5_OUTPUT",
    "im2col": "IM2COL",
    "images": "IMAGE_DATA",
    "infogain_loss": "INFOGAIN_LOSS",
    "innerproduct": "INNER_PRODUCT",
    "lrn": "LRN",
    "multinomial_logistic_loss": "MULTINOMIAL_LOGISTIC_LOSS",
    "pool": "POOLING",
    "relu": "RELU",
    "sigmoid": "SIGMOID",
    "softmax": "SOFTMAX",
    "softmax_loss": "SOFTMAX_LOSS",
    "split": "SPLIT",
    "tanh": "TANH",
    "window_data": "WINDOW_DATA",
}

_ANY = tuple(V1_TYPES)
_SOURCES = {
    "data": "data_param",
    "hdf5_data": "hdf5_data_param",
    "images": "image_data_param",
    "window_data": "window_data_param",
}
_WEIGHTED = {"conv": "convolution_param", "innerproduct": "inner_product_param"}
_WINDOWS = {"conv": "convolution_param", "pool": "pooling_param"}

# V0 field -> (new name, {V0 type: the message of the V1 layer that takes it}).
MOVES: dict[str, tuple[str, dict[str, str]]] = {
    "num_output": ("num_output", _WEIGHTED),
    "biasterm": ("bias_term", _WEIGHTED),
    "weight_filler": ("weight_filler", _WEIGHTED),
    "bias_filler": ("bias_filler", _WEIGHTED),
    "pad": ("pad", _WINDOWS),
    "kernelsize": ("kernel_size", _WINDOWS),
    "stride": ("stride", _WINDOWS),
    "group": ("group", {"conv": "convolution_param"}),
    "pool": ("pool", {"pool": "pooling_param"}),
    "dropout_ratio": ("dropout_ratio", {"dropout": "dropout_param"}),
    "local_size": ("local_size", {"lrn": "lrn_param"}),
    "alpha": ("alpha", {"lrn": "lrn_param"}),
    "beta": ("beta", {"lrn": "lrn_param"}),
    "k": ("k", {"lrn": "lrn_param"}),
    "source": ("source", {**_SOURCES, "infogain_loss": "infogain_loss_param"}),
    "batchsize": ("batch_size", _SOURCES),
    "scale": ("scale", dict.fromkeys(_ANY, "transform_param")),
    "meanfile": ("mean_file", dict.fromkeys(_ANY, "transform_param")),
    "cropsize": ("crop_size", dict.fromkeys(_ANY, "transform_param")),
    "mirror": ("mirror", dict.fromkeys(_ANY, "transform_param")),
    "rand_skip": ("rand_skip", {"data": "data_param", "images": "image_data_param"}),
    "shuffle_images": ("shuffle", {"images": "image_data_param"}),
    "new_height": ("new_height", {"images": "image_data_param"}),
    "new_width": ("new_width", {"images": "image_data_param"}),
    "concat_dim": ("concat_dim", {"concat": "concat_param"}),
    "det_fg_threshold": ("fg_threshold", {"window_data": "window_data_param"}),
    "det_bg_threshold": ("bg_threshold", {"window_data": "window_data_param"}),
    "det_fg_fraction": ("fg_fraction", {"window_data": "window_data_param"}),
    "det_context_pad": ("context_pad", {"window_data": "window_data_param"}),
    "det_crop_mode": ("crop_mode", {"window_data": "window_data_param"}),
}


def is_v0(net: NetParameter) -> bool:
    """Whether any layer is in the V0 form."""
    return any(layer.HasField("layer") for layer in net.layers)


def upgrade_v0(net: NetParameter, source: str) -> NetParameter:
    """Make a V0 net V1; the net that is given stays as it is.

    Raises
    ------
    FormatError : if a layer's type is none of V0's, or padding does not go into a convolution or a pooling.
    """
    upgraded = NetParameter()
    upgraded.CopyFrom(net)
    upgraded.ClearField("layers")
    upgraded.layers.extend(_upgrade_layer(layer, source) for layer in _without_padding(net, source))
    return upgraded


def _without_padding(net: NetParameter, source: str) -> list[V1LayerParameter]:
    """Give the ``pad`` of every padding layer to the layers that read it, and drop it."""
    kept: list[V1LayerParameter] = []
    producers: dict[str, V1LayerParameter] = {}
    for original in net.layers:
        layer = V1LayerParameter()
        layer.CopyFrom(original)
        for index, bottom in enumerate(layer.bottom):
            producer = producers.get(bottom)
            if layer.layer.type == "padding" or producer is None or producer.layer.type != "padding":
                continue
            if layer.layer.type not in _WINDOWS or len(layer.bottom) != 1 or len(producer.bottom) != 1:
                raise FormatError(
                    f"{source}: layer '{layer.layer.name}' ({layer.layer.type}): reads the padding layer "
                    f"'{producer.layer.name}', which only a conv or pool layer of one bottom can"
                )
            layer.layer.pad = producer.layer.pad
            layer.bottom[index] = producer.bottom[0]
        producers |= dict.fromkeys(layer.top, layer)
        if layer.layer.type != "padding":
            kept.append(layer)
    return kept


def _upgrade_layer(old: V1LayerParameter, source: str) -> V1LayerParameter:
    v0 = old.layer
    if v0.type not in V1_TYPES:
        raise FormatError(
            f"{source}: layer '{v0.name}': '{v0.type}' is no layer type of V0; it has {', '.join(V1_TYPES)}"
        )
    new = V1LayerParameter(name=v0.name, type=V1_TYPES[v0.type], bottom=old.bottom, top=old.top)
    new.blobs.extend(v0.blobs)
    new.blobs_lr.extend(v0.blobs_lr)
    new.weight_decay.extend(v0.weight_decay)
    if v0.HasField("hdf5_output_param") and v0.type == "hdf5_output":
        new.hdf5_output_param.CopyFrom(v0.hdf5_output_param)
    for name, (new_name, takers) in MOVES.items():
        if v0.HasField(name) and v0.type in takers:
            _move(v0, name, getattr(new, takers[v0.type]), new_name)
    return new


def _move(v0: V0LayerParameter, name: str, taker: Message, new_name: str) -> None:
    value = getattr(v0, name)
    if isinstance(value, Message):
        getattr(taker, new_name).CopyFrom(value)
    elif taker.DESCRIPTOR.fields_by_name[new_name].is_repeated:
        getattr(taker, new_name).append(value)
    else:
        setattr(taker, new_name, value)
