"""Nets that the linter of nets finds fault with, one for every rule at least, and nets that are good."""

from dataclasses import dataclass

INPUTS = """
layer { name: "in" type: "Input" top: "data" top: "flat" top: "label" top: "seq" top: "cont" top: "square"
        input_param { shape { dim: 2 dim: 4 dim: 8 dim: 8 } shape { dim: 2 dim: 4 } shape { dim: 2 }
                      shape { dim: 3 dim: 2 dim: 4 } shape { dim: 3 dim: 2 }
                      shape { dim: 4 dim: 4 } } }
"""


@dataclass
class Case:
    """A net that ``rule`` finds fault with; ``aborts`` says whether the installed real Caffe refuses it, too."""

    rule: str
    layers: str
    sentence: str
    aborts: bool = True


def one(type, inside="", bottom="data", top="x"):
    return f'layer {{ name: "it" type: "{type}" bottom: "{bottom}" top: "{top}" {inside} }}'


CONV = "num_output: 4"
DUMMY = 'layer { name: "it" type: "DummyData" top: "x" top: "y" dummy_data_param { %s } }'
SHAPE = "shape { dim: 1 }"
CUT = """
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "shares" bottom: "conv" top: "shared" %s }
layer { name: "relu" type: "ReLU" bottom: "shared" top: "shared" }
layer { name: "it" type: "Flatten" bottom: "shared" top: "x" }
layer { name: "loss" type: "Reduction" bottom: "x" top: "l" loss_weight: 1 }
"""
TWO_LSTMS = "".join(
    f'layer {{ name: "{name}" type: "LSTM" bottom: "seq" bottom: "cont" top: "{name}" param {{}} param {{}}'
    "  param { %s } recurrent_param { num_output: 3 weight_filler { value: 0.3 } } }"
    for name in ("it", "too")
)
LSTM = 'layer { name: "it" type: "LSTM" bottom: "seq" bottom: "cont" top: "h" recurrent_param { %s } }'
DATA = 'layer { name: "it" type: "%s" top: "x" top: "y" %s }'

# What Caffe only finds out from files, or not at all, does not abort here; master knows what tag 1.0 does not.
CASES = [
    Case("known_type", one("Convolutoin"), "no layer type 'Convolutoin'; did you mean 'Convolution'?"),
    Case("known_type", one("Permute9"), "stock Caffe has no layer type 'Permute9'"),
    Case("known_type", one("Swish"), "Swish is not in Caffe 1.0, only in its master branch", aborts=False),
    Case("known_type", one("Clip", "clip_param { min: 0 max: 6 }"), "Clip is not in Caffe 1.0", aborts=False),
    Case(
        "stock_layers_only",
        one("Permute", "permute_param { order: 0 order: 2 }"),
        "no layer type 'Permute', which forks",
    ),
    Case(
        "settings_of_extensions",
        one("ReLU", "norm_param { eps: 1 }"),
        "has norm_param, which stock Caffe does not know",
    ),
    Case("named", 'layer { type: "ReLU" bottom: "data" top: "x" }', "has no name", aborts=False),
    Case("bottoms_and_tops", one("ReLU", 'bottom: "flat"'), "has 2 bottoms; ReLU takes 1"),
    Case("bottoms_and_tops", one("Eltwise"), "has 1 bottom; Eltwise takes at least 2"),
    Case("bottoms_and_tops", 'layer { name: "it" type: "Softmax" bottom: "data" }', "has no tops; Softmax takes 1"),
    Case("bottoms_and_tops", one("Input"), "has 1 bottom; Input takes 0"),
    Case("bottoms_and_tops", one("Scale", 'bottom: "data" bottom: "data"'), "has 3 bottoms; Scale takes 1 to 2"),
    Case(
        "as_many_tops_as_bottoms",
        one("Convolution", 'top: "y" convolution_param { num_output: 4 kernel_size: 1 }'),
        "has 1 bottom and 2 tops; every bottom makes one",
    ),
    Case("filter_tops", one("Filter", 'bottom: "label" top: "y"'), "has 2 tops for 2 bottoms"),
    Case(
        "pooling_mask",
        one("Pooling", 'top: "mask" pooling_param { pool: AVE kernel_size: 2 }'),
        "only MAX pooling makes a second one",
    ),
    Case("recurrent_blobs", LSTM % "num_output: 3 expose_hidden: true", "has 2 bottoms; here it takes 4 to 5"),
    Case("recurrent_blobs", (LSTM % "num_output: 3").replace('top: "h"', 'top: "h" top: "g"'), "has 2 tops; here"),
    Case("in_place", one("Flatten", top="data"), "writes over its bottom 'data', which is refused with Flatten"),
    Case("in_place", one("AbsVal", top="data"), "which is refused with AbsVal"),
    Case("in_place", one("Reshape", "reshape_param { shape { dim: 0 dim: -1 } }", top="data"), "is refused"),
    Case("in_place", one("LRN", top="data"), "which computes wrong numbers or gradients with LRN", aborts=False),
    Case("in_place", one("Eltwise", 'bottom: "seq"', bottom="seq", top="seq"), "wrong numbers or gradients"),
    Case("in_place", one("Power", top="data"), "wrong numbers or gradients with Power", False),
    Case(
        "only_reader_writes_in_place",
        'layer { name: "first" type: "TanH" bottom: "data" top: "x" }' + one("ReLU", top="data"),
        "writes over its bottom 'data', which 'first' reads too; give the top its own name",
    ),
    Case(
        "only_reader_writes_in_place",
        'layer { name: "loss" type: "EuclideanLoss" bottom: "flat" bottom: "flat" top: "x" loss_weight: 1 }'
        + one("ReLU", bottom="x", top="x"),
        "writes over its bottom 'x', which 'loss' reads too",
    ),
    Case("one_loss_weight_per_top", one("ReLU", "loss_weight: 1 loss_weight: 2"), "has 2 loss_weights for 1 top"),
    Case(
        "one_loss_weight_per_top",
        one("InfogainLoss", 'bottom: "label" bottom: "square" top: "p"', bottom="flat"),
        "has no loss_weights for 2 tops; give one per top",
    ),
    Case("bottoms_and_tops", one("SoftmaxWithLoss", 'bottom: "label" top: "p"', bottom="flat"), "takes 0 to 1"),
    Case("one_propagate_down_per_bottom", one("ReLU", "propagate_down: true propagate_down: true"), "for 1 bottom"),
    Case("no_more_params_than_blobs", one("ReLU", "param {}"), "has 1 param, but no parameter blobs"),
    Case(
        "no_more_params_than_blobs",
        one("InnerProduct", "param {} param {} inner_product_param { num_output: 2 bias_term: false }"),
        "has 2 params, but 1 parameter blob",
    ),
    Case("no_more_params_than_blobs", one("Scale", 'bottom: "data" param {}'), "has 1 param, but no parameter blobs"),
    Case(
        "no_more_params_than_blobs",
        (LSTM % "num_output: 3").replace('top: "h"', 'top: "h" param {} param {} param {} param {}'),
        "has 4 params, but 3 parameter blobs",
    ),
    Case("batch_norm_is_not_learned", one("BatchNorm", "param { lr_mult: 1 }"), "its param must have lr_mult: 0"),
    Case(
        "fillers",
        one("InnerProduct", 'inner_product_param { num_output: 2 weight_filler { type: "he" } }'),
        "weight_filler has the unknown type 'he'; stock Caffe has bilinear, constant,",
    ),
    Case(
        "fillers",
        one("InnerProduct", 'inner_product_param { num_output: 2 bias_filler { type: "xavier" sparse: 3 } }'),
        "bias_filler is sparse, which only the gaussian filler can be; got xavier",
    ),
    Case(
        "fillers",
        one("InnerProduct", 'inner_product_param { num_output: 2 weight_filler { type: "gaussian" sparse: -2 } }'),
        "weight_filler has sparse -2",
    ),
    Case(
        "fields_of_master",
        one("Pooling", "pooling_param { kernel_size: 2 round_mode: FLOOR }"),
        "has round_mode (or ceil_mode: false), which Caffe 1.0 does not know",
        aborts=False,
    ),
    Case("fields_of_master", one("ReLU", "swish_param { beta: 2 }"), "has swish_param, which Caffe 1.0", aborts=False),
    Case(
        "convolution_window",
        one("Convolution", f"convolution_param {{ {CONV} kernel_size: 3 kernel_h: 3 kernel_w: 3 }}"),
        "has both kernel_size and kernel_h or kernel_w",
    ),
    Case(
        "convolution_window",
        one("Convolution", f"convolution_param {{ {CONV} kernel_size: 3 pad: 1 pad_h: 1 }}"),
        "has both pad and pad_h or pad_w",
    ),
    Case("convolution_window", one("Convolution", f"convolution_param {{ {CONV} }}"), "has no kernel_size"),
    Case("convolution_window", one("Im2col", "convolution_param { kernel_h: 3 }"), "has no kernel_size"),
    Case(
        "convolution_window",
        one("Deconvolution", f"convolution_param {{ {CONV} kernel_size: 3 stride: 0 }}"),
        "has a stride of 0",
    ),
    Case("convolution_outputs", one("Convolution", "convolution_param { kernel_size: 1 }"), "needs num_output above 0"),
    Case(
        "convolution_outputs",
        one("Convolution", "convolution_param { kernel_size: 1 num_output: 3 group: 2 }"),
        "num_output 3 is no multiple of group 2",
    ),
    Case("inner_product_outputs", one("InnerProduct"), "needs num_output above 0"),
    Case("embed_sizes", one("Embed", "embed_param { num_output: 3 }", bottom="label"), "needs input_dim above 0"),
    Case("recurrent_outputs", LSTM % "", "needs num_output above 0"),
    Case("pooling_forms", one("Pooling"), "needs either kernel_size, or both kernel_h and kernel_w"),
    Case(
        "pooling_forms", one("Pooling", "pooling_param { kernel_size: 2 kernel_h: 2 kernel_w: 2 }"), "needs either ke"
    ),
    Case("pooling_forms", one("Pooling", "pooling_param { kernel_size: 2 stride_h: 2 }"), "needs either stride, or bo"),
    Case("pooling_forms", one("Pooling", "pooling_param { global_pooling: true kernel_size: 2 }"), "delete the size"),
    Case("pooling_window", one("Pooling", "pooling_param { global_pooling: true stride: 2 }"), "only stride 1"),
    Case("pooling_window", one("Pooling", "pooling_param { kernel_size: 0 }"), "has a kernel size of 0"),
    Case("pooling_window", one("Pooling", "pooling_param { kernel_size: 2 pad: 2 }"), "is not smaller than the kernel"),
    Case(
        "pooling_window",
        one("Pooling", "pooling_param { pool: STOCHASTIC kernel_size: 2 pad: 1 }"),
        "has a pad with STOCHASTIC pooling",
    ),
    Case("odd_lrn", one("LRN", "lrn_param { local_size: 4 }"), "has local_size 4; it must be odd"),
    Case("eltwise_coefficients", one("Eltwise", 'bottom: "data" eltwise_param { coeff: 1 }'), "1 coeff for 2 bottoms"),
    Case(
        "eltwise_coefficients",
        one("Eltwise", 'bottom: "data" eltwise_param { operation: PROD coeff: 1 coeff: 1 }'),
        "has coeff with PROD",
    ),
    Case("dropout_ratio", one("Dropout", "dropout_param { dropout_ratio: 1 }"), "has dropout_ratio 1", aborts=False),
    Case("concat_axis", one("Concat", "concat_param { axis: 1 concat_dim: 1 }"), "has both axis and concat_dim"),
    Case("slice_points", one("Slice", 'top: "y" slice_param { axis: 1 slice_dim: 1 }'), "has both axis and slice_dim"),
    Case("slice_points", one("Slice", 'top: "y" slice_param { slice_point: 1 slice_point: 2 }'), "2 slice_point for 2"),
    Case(
        "slice_points",
        one("Slice", 'top: "y" top: "z" slice_param { slice_point: 2 slice_point: 2 }'),
        "must rise from above 0",
    ),
    Case("reshape_dims", one("Reshape", "reshape_param { shape { dim: -1 dim: -1 } }"), "has more than one -1"),
    Case("reshape_dims", one("Reshape", "reshape_param { shape { dim: 2 dim: -2 } }"), "has a negative axis"),
    Case("reshape_dims", one("Reshape", "reshape_param { num_axes: -2 }"), "num_axes must be -1"),
    Case("scale_axes", one("Scale", "scale_param { num_axes: -2 }"), "num_axes must be -1"),
    Case("tiles", one("Tile", "tile_param { tiles: 0 }"), "needs tiles above 0"),
    Case("argmax_top_k", one("ArgMax", "argmax_param { top_k: 0 }"), "has top_k 0"),
    Case("base_of_logarithm", one("Exp", "exp_param { base: 0 }"), "has base 0; it must be above 0"),
    Case("base_of_logarithm", one("Log", "log_param { base: 1 }"), "has base 1"),
    Case("infogain_matrix", one("InfogainLoss", 'bottom: "label"', bottom="flat"), "needs infogain_loss_param.source"),
    Case(
        "infogain_matrix",
        one("InfogainLoss", 'bottom: "label" bottom: "flat" loss_param { normalize: true }', bottom="flat"),
        "has loss_param.normalize",
    ),
    Case("python_class", one("Python"), "needs python_param.module and python_param.layer"),
    Case(
        "input_shapes",
        f'layer {{ name: "it" type: "Input" top: "a" top: "b" top: "c" input_param {{ {SHAPE} {SHAPE} }} }}',
        "has 2 shapes for 3 tops",
    ),
    Case("dummy_shapes", DUMMY % f"{SHAPE} {SHAPE} {SHAPE}", "has 3 shapes for 2 tops"),
    Case("dummy_shapes", DUMMY % f"{SHAPE} num: 1", "has both shape and num"),
    Case("dummy_shapes", DUMMY % "num: 1 channels: 1 height: 1", "each once or once per top"),
    Case("dummy_shapes", DUMMY % f"{SHAPE} data_filler {{}} data_filler {{}} data_filler {{}}", "has 3 data_filler"),
    Case(
        "memory_data_shape", DATA % ("MemoryData", "memory_data_param { batch_size: 2 }"), "needs batch_size, channels"
    ),
    Case(
        "image_data_sizes",
        DATA % ("ImageData", 'image_data_param { source: "list.txt" new_height: 8 }'),
        "needs both new_height and new_width",
    ),
    Case(
        "image_data_sizes",
        DATA % ("ImageData", 'image_data_param { source: "list.txt" batch_size: 0 }'),
        "has batch_size 0",
    ),
    Case("file_is_named", DATA % ("ImageData", ""), "needs image_data_param.source"),
    Case("file_is_named", DATA % ("Data", "data_param { batch_size: 2 }"), "needs data_param.source"),
    Case(
        "file_is_named",
        'layer { name: "it" type: "HDF5Output" bottom: "data" bottom: "label" }',
        "needs hdf5_output_param.file_name",
    ),
    Case("data_batch", DATA % ("HDF5Data", 'hdf5_data_param { source: "x" }'), "needs hdf5_data_param.batch_size abo"),
    Case(
        "hdf5_data_is_raw",
        DATA % ("HDF5Data", 'hdf5_data_param { source: "x" batch_size: 1 } transform_param { scale: 2 }'),
        "has transform_param, but HDF5Data transforms nothing",
    ),
    Case(
        "one_mean",
        DATA
        % (
            "MemoryData",
            "memory_data_param { batch_size: 1 channels: 1 height: 1 width: 1 } "
            'transform_param { mean_file: "m" mean_value: 1 }',
        ),
        "has both mean_file and mean_value",
    ),
    Case("bottoms_exist", one("ReLU", bottom="dta"), "bottom 'dta' does not exist in phase TEST; did you mean 'data'?"),
    Case(
        "gradients_pass_flatten",
        CUT % 'type: "Reshape" reshape_param { shape { dim: 0 dim: 2 dim: -1 } }',
        "reads 'shared', which layer 'shares' (Reshape) only shares memory for",
        aborts=False,
    ),
    Case("gradients_pass_flatten", CUT % 'type: "Concat"', "layer 'shares' (Concat) only", aborts=False),
    Case("gradients_pass_flatten", CUT % 'type: "Slice"', "layer 'shares' (Slice) only", aborts=False),
    Case("tops_are_made_once", one("ReLU") + one("TanH"), "its top 'x' is already made by layer 'it' in phase TEST"),
    Case("tops_are_made_once", one("Concat", 'bottom: "flat"', top="flat"), "its top 'flat' is already made by"),
    Case(
        "shared_params_agree",
        'layer { name: "a" type: "InnerProduct" bottom: "flat" top: "a" param { name: "w" lr_mult: 1 }'
        "        inner_product_param { num_output: 4 } }"
        'layer { name: "it" type: "InnerProduct" bottom: "a" top: "b" param { name: "w" lr_mult: 2 }'
        "        inner_product_param { num_output: 4 } }",
        "shares parameter 'w' with layer 'a', but its lr_mult is 2, not 1",
    ),
]

GOOD = [
    one("ReLU", top="data"),
    one("Convolution", f"convolution_param {{ {CONV} kernel_size: 3 kernel_size: 2 stride: 2 pad: 1 dilation: 1 }}"),
    one("Convolution", f"param {{}} param {{}} convolution_param {{ {CONV} kernel_h: 3 kernel_w: 1 group: 2 }}"),
    'layer { name: "it" type: "Convolution" bottom: "data" bottom: "data" top: "x" top: "y"'
    "        convolution_param { num_output: 2 kernel_size: 1 } }",
    one(
        "Deconvolution",
        'convolution_param { num_output: 4 kernel_size: 4 group: 4 weight_filler { type: "bilinear" } }',
    ),
    one("Pooling", 'top: "mask" pooling_param { kernel_h: 2 kernel_w: 3 stride_h: 1 stride_w: 2 pad_h: 1 pad_w: 2 }'),
    one("Pooling", "pooling_param { pool: AVE global_pooling: true }"),
    one("LRN", "lrn_param { local_size: 3 norm_region: WITHIN_CHANNEL }"),
    one("Eltwise", 'bottom: "data" eltwise_param { coeff: 1 coeff: -1 }'),
    one("Slice", 'top: "y" slice_param { slice_dim: 1 slice_point: 3 }'),
    one("Concat", 'bottom: "data" concat_param { axis: 1 }'),
    one("BatchNorm", "param { lr_mult: 0 } param { lr_mult: 0 } param { lr_mult: 0 }", top="data"),
    one("Scale", "scale_param { bias_term: true } param {} param {}", top="data"),
    one("Scale", 'bottom: "label" scale_param { axis: 0 bias_term: true } param {}'),
    one("PReLU", "prelu_param { channel_shared: true } param {}", top="data"),
    one("SoftmaxWithLoss", 'bottom: "label" loss_weight: 3', bottom="flat"),
    one("InfogainLoss", 'bottom: "label" bottom: "square" top: "p" loss_weight: 1 loss_weight: 0', bottom="flat"),
    one("TanH") + 'layer { name: "loss" type: "ReLU" bottom: "x" top: "x" }',
    'layer { name: "it" type: "EuclideanLoss" bottom: "flat" bottom: "flat" loss_weight: 2 }',
    one("Accuracy", 'bottom: "label" accuracy_param { top_k: 2 }', bottom="flat"),
    one("Reshape", "reshape_param { shape { dim: 0 dim: -1 dim: 2 } }"),
    one("Tile", "tile_param { tiles: 2 }"),
    one("Embed", "embed_param { num_output: 3 input_dim: 9 }", bottom="label"),
    LSTM % "num_output: 3",
    (LSTM % "num_output: 3").replace('top: "h"', 'top: "h" param {} param {} param {}'),
    'layer { name: "it" type: "RNN" bottom: "seq" bottom: "cont" top: "h" recurrent_param { num_output: 3 } }',
    'layer { name: "it" type: "Silence" bottom: "data" bottom: "flat" }',
    DUMMY % "num: 1 channels: 2 channels: 3 height: 1 width: 1",
    'layer { name: "it" type: "Parameter" top: "p" param {} parameter_param { shape { dim: 3 } } }',
    DATA % ("MemoryData", "memory_data_param { batch_size: 1 channels: 1 height: 1 width: 1 }"),
    one("InnerProduct", 'inner_product_param { num_output: 2 weight_filler { type: "gaussian" sparse: 1 } }'),
    one("Filter", 'bottom: "label"'),
    one("Crop", 'bottom: "data" crop_param { axis: 2 offset: 0 }'),
    one("Reduction", "reduction_param { operation: MEAN axis: 1 }"),
    one("SPP", "spp_param { pyramid_height: 2 }"),
    one("Exp", "exp_param { base: 2 }", top="data"),
    one("Flatten", "flatten_param { axis: 2 }"),
    # two readers: Caffe puts a Split between, which copies the gradient
    CUT % 'type: "Concat"' + 'layer { name: "too" type: "TanH" bottom: "shared" top: "y" }',
    # nothing below learns
    CUT.replace('bottom: "conv"', 'bottom: "data"') % 'type: "Concat"',
    one("Split", 'top: "y"'),
    one("BatchReindex", 'bottom: "label"'),
]
