"""The cases that goldens are made of: every layer of Caffe in its forms.

Runs under Python 3.9 and NumPy 1.19, which is what real Caffe comes with, so nothing of this project is imported.
"""

# ruff: noqa: UP031 - text full of braces suits no f-string

from tests.golden.one_layer import Case, coarse, labels, spread, starts

MAP = (2, 3, 7, 6)
POSITIVE = (spread, (2, 3, 4, 5), 0.1, 2.0)
SCORES = (3, 5)
CLASSES = (labels, (3,), 5)
PIXEL_SCORES = (2, 5, 3, 2)
PIXEL_CLASSES = (labels, (2, 1, 3, 2), 5)
TIES = (coarse, (2, 3, 7, 6))
SEQUENCE = (4, 2, 5)
GOES_ON = (starts, (4, 2))
RECURRENT = "recurrent_param { num_output: 4 }"
EXPOSED = "recurrent_param { num_output: 4 expose_hidden: true }"

CASES = {
    # activations
    "relu": Case('type: "ReLU"', TIES),
    "relu_in_place": Case('type: "ReLU"', TIES, in_place=True),
    "relu_leaky": Case('type: "ReLU" relu_param { negative_slope: 0.1 }', TIES),
    "prelu": Case('type: "PReLU"', TIES),
    "prelu_in_place": Case('type: "PReLU"', MAP, in_place=True),
    "prelu_shared": Case('type: "PReLU" prelu_param { channel_shared: true }', TIES),
    "prelu_vector": Case('type: "PReLU"', (4, 5)),
    "elu": Case('type: "ELU" elu_param { alpha: 0.7 }', TIES),
    "sigmoid": Case('type: "Sigmoid"', (spread, (2, 3, 4), -6.0, 6.0)),
    "sigmoid_in_place": Case('type: "Sigmoid"', (2, 3, 4), in_place=True),
    "tanh": Case('type: "TanH"', (spread, (2, 3, 4), -3.0, 3.0)),
    "bnll": Case('type: "BNLL"', (spread, (2, 3, 9), -30.0, 30.0)),
    "swish": Case('type: "Swish" swish_param { beta: 1.5 }', (spread, (2, 3, 4), -3.0, 3.0)),
    "clip": Case('type: "Clip" clip_param { min: -0.5 max: 0.25 }', MAP),
    # elementwise
    "absval": Case('type: "AbsVal"', TIES),
    "power": Case('type: "Power" power_param { power: 2 scale: -0.5 shift: 0.25 }', MAP),
    "power_root": Case('type: "Power" power_param { power: 0.5 scale: 2 shift: 0.5 }', POSITIVE),
    "power_linear": Case('type: "Power" power_param { scale: 0.00390625 shift: -1 }', MAP),
    "power_zero": Case('type: "Power" power_param { power: 0 shift: 2 }', MAP),
    "power_constant": Case('type: "Power" power_param { power: 3 scale: 0 shift: 2 }', MAP),
    "exp": Case('type: "Exp"', MAP),
    "exp_base": Case('type: "Exp" exp_param { base: 2 scale: 3 shift: -1 }', MAP),
    "log": Case('type: "Log"', POSITIVE),
    "log_base": Case('type: "Log" log_param { base: 10 scale: 2 shift: 0.5 }', POSITIVE),
    "threshold": Case('type: "Threshold" threshold_param { threshold: 0.5 }', TIES, backward=False),
    "dropout_test": Case('type: "Dropout" dropout_param { dropout_ratio: 0.3 }', MAP),
    # convolutions
    "convolution": Case('type: "Convolution" convolution_param { num_output: 4 kernel_size: 3 }', MAP),
    "convolution_group": Case(
        'type: "Convolution" convolution_param { num_output: 6 kernel_size: 3 stride: 2 pad: 1 group: 2 }', (2, 4, 7, 6)
    ),
    "convolution_uneven": Case(
        'type: "Convolution" convolution_param { num_output: 4 kernel_h: 2 kernel_w: 3 stride_h: 1 stride_w: 2'
        " pad_h: 1 pad_w: 2 bias_term: false }",
        MAP,
    ),
    "convolution_dilated": Case(
        'type: "Convolution" convolution_param { num_output: 4 kernel_size: 3 pad: 2 dilation: 2 }', MAP
    ),
    "convolution_two_sizes": Case(
        'type: "Convolution" convolution_param { num_output: 4 kernel_size: 1 kernel_size: 3 dilation: 1 dilation: 2 }',
        MAP,
    ),
    "convolution_1x1": Case('type: "Convolution" convolution_param { num_output: 4 kernel_size: 1 }', MAP),
    "convolution_1d": Case(
        'type: "Convolution" convolution_param { num_output: 4 kernel_size: 3 stride: 2 }', (2, 3, 9)
    ),
    "convolution_3d": Case(
        'type: "Convolution" convolution_param { num_output: 2 kernel_size: 2 pad: 1 }', (2, 3, 3, 4, 3)
    ),
    "convolution_axis": Case(
        'type: "Convolution" convolution_param { num_output: 4 kernel_size: 3 axis: 2 }', (2, 2, 3, 5, 4)
    ),
    "convolution_two_bottoms": Case(
        'type: "Convolution" convolution_param { num_output: 4 kernel_size: 3 }', MAP, MAP, tops=2
    ),
    "deconvolution": Case(
        'type: "Deconvolution" convolution_param { num_output: 4 kernel_size: 4 stride: 2 pad: 1 }', MAP
    ),
    "deconvolution_group": Case(
        'type: "Deconvolution" convolution_param { num_output: 4 kernel_size: 3 stride: 2 group: 2 bias_term: false }',
        (2, 2, 3, 4),
    ),
    "deconvolution_dilated": Case(
        'type: "Deconvolution" convolution_param { num_output: 2 kernel_size: 3 dilation: 2 }', (1, 2, 3, 4)
    ),
    "deconvolution_1d": Case('type: "Deconvolution" convolution_param { num_output: 2 kernel_size: 3 }', (2, 3, 5)),
    "im2col": Case('type: "Im2col" convolution_param { kernel_size: 3 stride: 2 pad: 1 }', MAP),
    # matrices
    "inner_product": Case('type: "InnerProduct" inner_product_param { num_output: 4 }', MAP),
    "inner_product_transposed": Case('type: "InnerProduct" inner_product_param { num_output: 4 transpose: true }', MAP),
    "inner_product_axis": Case(
        'type: "InnerProduct" inner_product_param { num_output: 4 axis: 2 bias_term: false }', MAP
    ),
    "inner_product_last_axis": Case('type: "InnerProduct" inner_product_param { num_output: 4 axis: -1 }', (2, 3, 5)),
    "embed": Case(
        'type: "Embed" loss_weight: 2 embed_param { num_output: 4 input_dim: 6 }', (labels, (2, 5), 6), force=False
    ),
    "embed_no_bias": Case(
        'type: "Embed" loss_weight: 2 embed_param { num_output: 4 input_dim: 6 bias_term: false }',
        (labels, (7,), 6),
        force=False,
    ),
    # pooling
    "pooling_max": Case('type: "Pooling" pooling_param { kernel_size: 3 stride: 2 }', TIES),
    "pooling_max_pad": Case('type: "Pooling" pooling_param { kernel_size: 3 stride: 2 pad: 1 }', TIES),
    "pooling_max_wide_pad": Case('type: "Pooling" pooling_param { kernel_size: 3 stride: 2 pad: 2 }', MAP),
    "pooling_max_mask": Case('type: "Pooling" pooling_param { kernel_size: 3 stride: 2 }', TIES, tops=2),
    "pooling_max_mask_pad": Case('type: "Pooling" pooling_param { kernel_size: 3 stride: 2 pad: 1 }', TIES, tops=2),
    "pooling_max_clipped": Case('type: "Pooling" pooling_param { kernel_size: 2 stride: 2 pad: 1 }', MAP),
    "pooling_max_uneven": Case(
        'type: "Pooling" pooling_param { kernel_h: 3 kernel_w: 2 stride_h: 2 stride_w: 1 pad_h: 1 pad_w: 0 }', MAP
    ),
    "pooling_max_empty_window": Case(
        'type: "Pooling" pooling_param { kernel_size: 1 stride: 3 }', (1, 2, 6, 6), backward=False
    ),
    "pooling_padded_axis": Case(
        'type: "Pooling" pooling_param { kernel_h: 2 kernel_w: 4 stride_h: 3 stride_w: 1 pad_h: 0 pad_w: 2 }',
        (1, 2, 9, 2),
    ),
    "pooling_ave_empty_window": Case(
        'type: "Pooling" pooling_param { pool: AVE kernel_size: 1 stride: 5 }', (1, 2, 8, 7), backward=False
    ),
    "pooling_max_floor": Case(
        'type: "Pooling" pooling_param { kernel_size: 3 stride: 2 round_mode: FLOOR }', (2, 3, 8, 6)
    ),
    "pooling_ave": Case('type: "Pooling" pooling_param { pool: AVE kernel_size: 3 stride: 2 }', (2, 3, 8, 6)),
    "pooling_ave_pad": Case(
        'type: "Pooling" pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }', (2, 3, 8, 6)
    ),
    "pooling_ave_wide_pad": Case(
        'type: "Pooling" pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 2 }', (2, 3, 8, 7)
    ),
    "pooling_ave_clipped": Case(
        'type: "Pooling" pooling_param { pool: AVE kernel_size: 5 stride: 3 pad: 2 }', (2, 3, 8, 6)
    ),
    "pooling_global": Case('type: "Pooling" pooling_param { pool: AVE global_pooling: true }', MAP),
    "pooling_global_max": Case('type: "Pooling" pooling_param { global_pooling: true }', TIES),
    "spp": Case('type: "SPP" spp_param { pyramid_height: 3 }', (2, 3, 9, 7)),
    "spp_ave": Case('type: "SPP" spp_param { pyramid_height: 2 pool: AVE }', (2, 3, 9, 6)),
    "spp_one": Case('type: "SPP" spp_param { pyramid_height: 1 }', MAP),
    # normalisation
    "lrn": Case('type: "LRN" lrn_param { local_size: 5 alpha: 0.5 beta: 0.75 }', (2, 7, 3, 4)),
    "lrn_few_channels": Case('type: "LRN" lrn_param { local_size: 5 alpha: 0.5 beta: 0.6 k: 2 }', (2, 2, 3, 4)),
    "lrn_within": Case(
        'type: "LRN" lrn_param { local_size: 3 alpha: 0.5 beta: 0.75 norm_region: WITHIN_CHANNEL }', (2, 3, 5, 4)
    ),
    "batch_norm": Case('type: "BatchNorm"', MAP, params=(0.5, 2.0)),
    "batch_norm_in_place": Case('type: "BatchNorm"', MAP, params=(0.5, 2.0), in_place=True),
    "batch_norm_train": Case('type: "BatchNorm"', MAP, phase="TRAIN", params=(0.5, 2.0)),
    "batch_norm_train_twice": Case(
        'type: "BatchNorm" batch_norm_param { moving_average_fraction: 0.8 eps: 0.01 }', MAP, phase="TRAIN", passes=2
    ),
    "batch_norm_train_vector": Case('type: "BatchNorm"', (5, 4), phase="TRAIN"),
    "batch_norm_train_one": Case('type: "BatchNorm"', (1, 4), phase="TRAIN"),
    "batch_norm_train_global": Case(
        'type: "BatchNorm" batch_norm_param { use_global_stats: true }', MAP, phase="TRAIN", params=(0.5, 2.0)
    ),
    "batch_norm_test_batch": Case('type: "BatchNorm" batch_norm_param { use_global_stats: false }', MAP),
    "batch_norm_new": Case('type: "BatchNorm"', MAP, params=(0.0, 0.0)),
    "mvn": Case('type: "MVN"', MAP),
    "mvn_across": Case('type: "MVN" mvn_param { across_channels: true }', MAP),
    "mvn_mean": Case('type: "MVN" mvn_param { normalize_variance: false }', MAP),
    "scale": Case('type: "Scale"', MAP),
    "scale_bias": Case('type: "Scale" scale_param { bias_term: true }', MAP),
    "scale_in_place": Case('type: "Scale" scale_param { bias_term: true }', MAP, in_place=True),
    "scale_axes": Case('type: "Scale" scale_param { axis: 1 num_axes: 2 bias_term: true }', MAP),
    "scale_all": Case('type: "Scale" scale_param { axis: 0 num_axes: -1 }', MAP),
    "scale_one": Case('type: "Scale" scale_param { num_axes: 0 bias_term: true }', MAP),
    "scale_last_axis": Case('type: "Scale" scale_param { axis: -1 }', MAP),
    "scale_two_bottoms": Case('type: "Scale" scale_param { axis: 0 }', MAP, (2, 3)),
    "scale_two_bottoms_bias": Case('type: "Scale" scale_param { axis: 1 bias_term: true }', MAP, (3,)),
    "bias": Case('type: "Bias"', MAP),
    "bias_axes": Case('type: "Bias" bias_param { axis: 2 num_axes: -1 }', MAP),
    "bias_two_bottoms": Case('type: "Bias" bias_param { axis: 1 }', MAP, (3, 7)),
    # shapes
    "concat": Case('type: "Concat"', (2, 3, 2), (2, 1, 2), (2, 2, 2)),
    "concat_axis": Case('type: "Concat" concat_param { axis: -1 }', (2, 3, 2), (2, 3, 4)),
    "concat_dim": Case('type: "Concat" concat_param { concat_dim: 0 }', (2, 3, 2), (1, 3, 2)),
    "concat_one": Case('type: "Concat"', (2, 3, 2)),
    "slice": Case('type: "Slice"', (2, 6, 3), tops=3),
    "slice_points": Case('type: "Slice" slice_param { axis: 2 slice_point: 1 slice_point: 4 }', (2, 3, 7), tops=3),
    "slice_dim": Case('type: "Slice" slice_param { slice_dim: 0 }', (4, 3), tops=2),
    "split": Case('type: "Split"', MAP, tops=3),
    "flatten": Case('type: "Flatten"', MAP),
    "flatten_axes": Case('type: "Flatten" flatten_param { axis: -3 end_axis: 2 }', MAP),
    "reshape": Case('type: "Reshape" reshape_param { shape { dim: 0 dim: -1 dim: 2 } }', (2, 3, 4)),
    "reshape_axes": Case('type: "Reshape" reshape_param { shape { dim: 2 dim: 3 } axis: 1 num_axes: 1 }', (2, 6, 4)),
    "reshape_insert": Case('type: "Reshape" reshape_param { shape { dim: 1 } axis: -1 num_axes: 0 }', (2, 6, 4)),
    "crop": Case('type: "Crop" crop_param { axis: 2 offset: 1 }', MAP, (2, 3, 4, 3)),
    "crop_offsets": Case('type: "Crop" crop_param { axis: 1 offset: 0 offset: 2 offset: 1 }', MAP, (2, 2, 4, 3)),
    "crop_no_offset": Case('type: "Crop"', MAP, (2, 3, 4, 3)),
    "tile": Case('type: "Tile" tile_param { axis: 1 tiles: 3 }', (2, 2, 3)),
    "tile_last": Case('type: "Tile" tile_param { axis: -1 tiles: 2 }', (2, 2, 3)),
    "silence": Case('type: "Silence"', MAP, (2, 3), tops=0),
    "batch_reindex": Case('type: "BatchReindex" loss_weight: 2', (4, 3, 2), (labels, (6,), 4), learns=True),
    "filter": Case('type: "Filter" loss_weight: 2', (5, 3, 2), (labels, (5,), 2), passes=2, selects=True, learns=True),
    "filter_several": Case(
        'type: "Filter" loss_weight: 0 loss_weight: 1',
        (6, 3),
        (6,),
        (coarse, (6, 1, 1)),
        tops=2,
        passes=2,
        selects=True,
        learns=True,
    ),
    "dummy_data": Case(
        'type: "DummyData" dummy_data_param { shape { dim: 2 dim: 3 } shape { dim: 4 } data_filler { value: 0.25 }'
        " data_filler { value: -2 } }",
        tops=2,
        backward=False,
    ),
    "dummy_data_legacy": Case(
        'type: "DummyData" dummy_data_param { num: 2 num: 1 channels: 3 channels: 4 height: 1 height: 2 width: 5'
        ' width: 1 data_filler { type: "constant" value: 7 } }',
        tops=2,
        backward=False,
    ),
    "parameter": Case('type: "Parameter" parameter_param { shape { dim: 2 dim: 3 } }'),
    # combinations
    "eltwise_sum": Case('type: "Eltwise"', MAP, MAP, MAP),
    "eltwise_coeff": Case('type: "Eltwise" eltwise_param { coeff: 1 coeff: -0.5 coeff: 2 }', MAP, MAP, MAP),
    "eltwise_prod": Case('type: "Eltwise" eltwise_param { operation: PROD }', MAP, MAP, MAP),
    "eltwise_prod_fast": Case(
        'type: "Eltwise" eltwise_param { operation: PROD stable_prod_grad: false }', POSITIVE, POSITIVE
    ),
    "eltwise_max": Case('type: "Eltwise" eltwise_param { operation: MAX }', TIES, TIES, TIES),
    "reduction_sum": Case('type: "Reduction"', MAP),
    "reduction_asum": Case('type: "Reduction" reduction_param { operation: ASUM axis: 1 coeff: 0.5 }', TIES),
    "reduction_sumsq": Case('type: "Reduction" reduction_param { operation: SUMSQ axis: 2 }', MAP),
    "reduction_mean": Case('type: "Reduction" reduction_param { operation: MEAN axis: -1 coeff: 2 }', MAP),
    "softmax": Case('type: "Softmax"', (spread, (3, 5), -4.0, 4.0)),
    "softmax_map": Case('type: "Softmax"', MAP),
    "softmax_axis": Case('type: "Softmax" softmax_param { axis: -1 }', MAP),
    "argmax": Case('type: "ArgMax"', (coarse, (3, 5)), backward=False),
    "argmax_values": Case(
        'type: "ArgMax" argmax_param { out_max_val: true top_k: 3 }', (coarse, (3, 5, 2)), backward=False
    ),
    "argmax_axis": Case('type: "ArgMax" argmax_param { axis: 1 top_k: 2 }', TIES, backward=False),
    "argmax_axis_values": Case(
        'type: "ArgMax" argmax_param { axis: -1 top_k: 2 out_max_val: true }', TIES, backward=False
    ),
    # sequences
    "rnn": Case('type: "RNN" ' + RECURRENT, SEQUENCE, GOES_ON),
    "rnn_static": Case('type: "RNN" ' + RECURRENT, SEQUENCE, GOES_ON, (2, 3)),
    "rnn_carries_its_state": Case('type: "RNN" ' + RECURRENT, SEQUENCE, GOES_ON, passes=3, phase="TRAIN"),
    "rnn_exposed": Case('type: "RNN" ' + EXPOSED, SEQUENCE, GOES_ON, (1, 2, 4), tops=2),
    "lstm": Case('type: "LSTM" ' + RECURRENT, SEQUENCE, GOES_ON),
    "lstm_maps": Case('type: "LSTM" ' + RECURRENT, (4, 2, 2, 3), GOES_ON, phase="TRAIN"),
    "lstm_static": Case('type: "LSTM" ' + RECURRENT, SEQUENCE, GOES_ON, (2, 3, 2)),
    "lstm_one_step": Case('type: "LSTM" ' + RECURRENT, (1, 3, 5), (starts, (1, 3)), passes=4),
    "lstm_carries_its_state": Case('type: "LSTM" ' + RECURRENT, SEQUENCE, GOES_ON, passes=3, phase="TRAIN"),
    "lstm_exposed": Case('type: "LSTM" ' + EXPOSED, SEQUENCE, GOES_ON, (1, 2, 4), (1, 2, 4), tops=3, passes=2),
    "lstm_exposed_static": Case(
        'type: "LSTM" ' + EXPOSED, SEQUENCE, GOES_ON, (2, 3), (1, 2, 4), (1, 2, 4), tops=3, phase="TRAIN"
    ),
    "lstm_fading": Case('type: "LSTM" ' + RECURRENT, SEQUENCE, (spread, (4, 2), 0.0, 1.0), passes=2),
    "lstm_unit": Case('type: "LSTMUnit"', (1, 3, 2), (1, 3, 8), (starts, (1, 3)), tops=2),
    "lstm_unit_fading": Case('type: "LSTMUnit"', (1, 3, 2), (1, 3, 8), (spread, (1, 3), 0.0, 1.0), tops=2),
    # losses
    "softmax_loss": Case('type: "SoftmaxWithLoss"', SCORES, CLASSES),
    "softmax_loss_weight": Case('type: "SoftmaxWithLoss" loss_weight: 0.3', SCORES, CLASSES),
    "softmax_loss_extreme": Case('type: "SoftmaxWithLoss"', (spread, (3, 5), -300.0, 300.0), CLASSES),
    "softmax_loss_pixels": Case('type: "SoftmaxWithLoss"', PIXEL_SCORES, PIXEL_CLASSES),
    "softmax_loss_ignore": Case('type: "SoftmaxWithLoss" loss_param { ignore_label: 2 }', PIXEL_SCORES, PIXEL_CLASSES),
    "softmax_loss_axis": Case('type: "SoftmaxWithLoss" softmax_param { axis: -1 }', (2, 3, 5), (labels, (2, 3), 5)),
    "softmax_loss_no_labels": Case('type: "SoftmaxWithLoss" loss_param { ignore_label: 0 }', SCORES, (labels, (3,), 1)),
    "sigmoid_loss": Case('type: "SigmoidCrossEntropyLoss"', (spread, (3, 5), -5.0, 5.0), (spread, (3, 5), 0.0, 1.0)),
    "sigmoid_loss_valid": Case(
        'type: "SigmoidCrossEntropyLoss" loss_param { ignore_label: 1 normalization: VALID }',
        SCORES,
        (labels, SCORES, 3),
    ),
    "sigmoid_loss_normalize": Case(
        'type: "SigmoidCrossEntropyLoss" loss_param { normalize: true }', SCORES, (labels, SCORES, 2)
    ),
    "euclidean_loss": Case('type: "EuclideanLoss"', (3, 2, 2), (3, 2, 2)),
    "hinge_loss": Case('type: "HingeLoss"', (spread, SCORES, -2.0, 2.0), CLASSES),
    "hinge_loss_l2": Case('type: "HingeLoss" hinge_loss_param { norm: L2 }', (spread, SCORES, -2.0, 2.0), CLASSES),
    "multinomial_loss": Case('type: "MultinomialLogisticLoss"', (spread, SCORES, 0.0, 1.0), CLASSES),
    "contrastive_loss": Case('type: "ContrastiveLoss"', (6, 3), (6, 3), (labels, (6,), 2)),
    "contrastive_loss_legacy": Case(
        'type: "ContrastiveLoss" contrastive_loss_param { legacy_version: true margin: 2 }',
        (6, 3),
        (6, 3),
        (labels, (6,), 2),
    ),
    "infogain_loss": Case('type: "InfogainLoss"', SCORES, CLASSES, (spread, (1, 1, 5, 5), 0.0, 1.0), learns=True),
    "infogain_loss_prob": Case(
        'type: "InfogainLoss" loss_weight: 1 loss_weight: 0',
        PIXEL_SCORES,
        PIXEL_CLASSES,
        (spread, (1, 1, 5, 5), 0.0, 1.0),
        tops=2,
        learns=True,
    ),
    "infogain_loss_ignore": Case(
        'type: "InfogainLoss" loss_param { ignore_label: 2 }',
        PIXEL_SCORES,
        PIXEL_CLASSES,
        (spread, (1, 1, 5, 5), 0.0, 1.0),
        learns=True,
    ),
    "accuracy": Case('type: "Accuracy"', (coarse, (20, 5)), (labels, (20,), 5), backward=False),
    "accuracy_top": Case(
        'type: "Accuracy" accuracy_param { top_k: 2 }', (coarse, (20, 5)), (labels, (20,), 5), backward=False
    ),
    "accuracy_per_class": Case('type: "Accuracy"', (20, 5), (labels, (20,), 5), tops=2, backward=False),
    "accuracy_ignore": Case(
        'type: "Accuracy" accuracy_param { ignore_label: 2 }', PIXEL_SCORES, PIXEL_CLASSES, tops=2, backward=False
    ),
    "accuracy_axis": Case(
        'type: "Accuracy" accuracy_param { axis: -1 }', (4, 3, 5), (labels, (4, 3), 5), backward=False
    ),
}
for _mode in ("FULL", "VALID", "BATCH_SIZE", "NONE"):
    CASES["softmax_loss_" + _mode.lower()] = Case(
        'type: "SoftmaxWithLoss" loss_param { ignore_label: 2 normalization: %s }' % _mode, PIXEL_SCORES, PIXEL_CLASSES
    )
for _flag in ("true", "false"):
    CASES["softmax_loss_normalize_" + _flag] = Case(
        'type: "SoftmaxWithLoss" loss_param { ignore_label: 2 normalize: %s }' % _flag, PIXEL_SCORES, PIXEL_CLASSES
    )

EXEMPT = {
    "Input": "only declares a shape; every case has some",
    "ImageData": "reads files; tests/torchcaffe/data",
    "HDF5Data": "reads files; tests/torchcaffe/data",
    "Python": "is the user's code; tests/torchcaffe/layers/test_python.py",
    "HDF5Output": "writes a file; tests/torchcaffe/data",
    "WindowData": "reads files; tests/torchcaffe/data",
    "Data": "reads a database; tests/torchcaffe/data",
    "MemoryData": "delivers arrays; tests/torchcaffe/data",
}
