"""Layer types of forks of Caffe that this project runs and converts, and stock Caffe refuses (docs/formats.md)."""

from __future__ import annotations

from prototxt.net.layer_types import LayerType

EXTENSION_TYPES: dict[str, LayerType] = {
    "DetectionOutput": LayerType((3, 3), param="detection_output_param"),
    "Interp": LayerType(param="interp_param"),
    "Normalize": LayerType(param="norm_param"),
    "Permute": LayerType(in_place="refused", param="permute_param"),
    "PriorBox": LayerType((2, 2), param="prior_box_param"),
    "ReLU6": LayerType(in_place="yes"),
    "Reorg": LayerType(in_place="refused", param="reorg_param"),
    "ShuffleChannel": LayerType(in_place="refused", param="shuffle_channel_param"),
    "Upsample": LayerType(in_place="refused", param="upsample_param"),
}
"""What stock Caffe has in their place is in `STOCK_FORM`."""

STOCK_FORM: dict[str, str] = {
    "DetectionOutput": "cut the net off before it and suppress boxes in your program",
    "Interp": "resize by a Deconvolution with fixed bilinear weights",
    "Normalize": "write it with Power, Reduction and Scale",
    "Permute": "write it with Slice, Reshape and Concat, or Reshape where no number moves",
    "PriorBox": "cut the net off before it: its boxes are constants",
    "ReLU6": "write it as ReLU(x) - ReLU(x - 6): Power, ReLU and Eltwise",
    "Reorg": "write it as a Convolution with one-hot weights",
    "ShuffleChannel": "write it as a 1x1 Convolution that permutes, or with Slice, Reshape and Concat",
    "Upsample": "write it as a Deconvolution with weights of 1 and group equal to the channels",
}
