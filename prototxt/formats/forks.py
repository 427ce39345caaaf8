"""Fields that forks of Caffe added to ``caffe.proto``, by message: which fork a net comes from that has them.

Sources: the forks' own ``caffe.proto``, and the list of them in Netron (tools/caffe-schema.js).
"""

from __future__ import annotations

_AUGMENTATION = "caffe-augmentation (twtygqyy)"
_DEEPLAB = "DeepLab (deeplab-public-ver2)"
_FLOW = "FlowNet (lmb-freiburg)"
_INTEL = "Intel's Caffe (intel/caffe)"
_NVIDIA = "NVIDIA's Caffe (NVIDIA/caffe)"
_RCNN = "Fast and Faster R-CNN (rbgirshick/caffe-fast-rcnn)"
_RFCN = "R-FCN (daijifeng001/caffe-rfcn)"
_SEGNET = "SegNet (alexgkendall/caffe-segnet)"
_SSD = "SSD (weiliu89/caffe, branch ssd)"
_SURGERY = "Dynamic Network Surgery (and Synopsys' Caffe)"
_SYNOPSYS = "Synopsys' Caffe (synopsys-caffe)"
_TSN = "Temporal Segment Networks (yjxiong/caffe)"
_YOLO = "MobileNet-YOLO (eric612)"
_SCALE = f"{_NVIDIA}; stock Caffe has a Scale layer behind BatchNorm"
_DILATION = "the first DeepLab; stock Caffe has dilation"

_FORKS: dict[str, dict[str, str]] = {  # message: {fork: fields, separated by spaces}
    "LayerParameter": {
        _SSD: "annotated_data_param multibox_loss_param detection_evaluate_param video_data_param",
        _RCNN: "roi_pooling_param smooth_l1_loss_param",
        "Faster R-CNN with its layers in C++": "proposal_param",
        "Mask R-CNN in Caffe": "roi_align_param",
        _RFCN: "psroi_pooling_param box_annotator_ohem_param",
        f"{_SEGNET} or {_TSN}": "bn_param",
        _SEGNET: "dense_image_data_param",
        _TSN: "batch_reduction_param",
        _DEEPLAB: "mat_read_param mat_write_param densecrf_param unary_param",
        "MobileNet's forks; write ReLU6 as ReLU(x) - ReLU(x - 6)": "relu6_param",
        _YOLO: "yolo_detection_output_param yolov3_detection_output_param yolov3_param region_loss_param "
        "eval_detection_param",
        _SYNOPSYS: "yolo_v2_loss_param yolo_v3_loss_param",
        _INTEL: "multinode mn_activation_param mn_grad_compress_param quantization_param engine spatial_dropout_param",
        _SURGERY: "squeeze_convolution_param squeeze_inner_product_param",
        _FLOW: "augmentation_param black_augmentation_param coeff_schedule_param correlation_param l1_loss_param "
        "lpq_loss_param flow_warp_param resample_param downsample_param accum_param writer_param reader_param "
        "mean_param reshape_every_iter",
        "caffe-face (ydwen)": "center_loss_param",
        "NormFace (happynear)": "label_specific_add_param",
        "SpatialTransformerLayer (daerduoCarey)": "st_param",
        "forks with recurrent layers from before BVLC had its own": "lstm_param ctc_loss_param",
        "caffe_ocr (senlinuc)": "transpose_param",
        "panoramic-object-detection (gdlg)": "normalize_bbox_param box_output_param ring_pad_param",
    },
    "V1LayerParameter": {_SEGNET: "bn_param upsample_param dense_image_data_param"},
    "ConvolutionParameter": {_DILATION: "hole hole_h hole_w", _INTEL: "fusion_type relu conv_algorithm"},
    "BatchNormParameter": {_SCALE: "scale_bias scale_filler bias_filler", _INTEL: "engine relu"},
    "DropoutParameter": {_SEGNET: "sample_weights_test", _TSN: "scale_train"},
    "ReLUParameter": {_INTEL: "fuse"},
    "EltwiseParameter": {_INTEL: "engine"},
    "ConcatParameter": {_INTEL: "engine"},
    "DataParameter": {
        _YOLO: "side",
        _NVIDIA: "threads parser_threads cache",
        f"{_INTEL} or {_NVIDIA}": "shuffle",
    },
    "ImageDataParameter": {_DEEPLAB: "label_type"},
    "TransformationParameter": {
        _SSD: "resize_param noise_param distort_param expand_param emit_constraint crop_h crop_w",
        _INTEL: "random_resize_param random_aspect_ratio_param",
        _AUGMENTATION: "min_scaling_factor max_scaling_factor max_rotation_angle contrast_brightness_adjustment "
        "smooth_filtering min_contrast max_contrast max_brightness_shift max_smooth max_color_shift "
        "apply_probability debug_params min_side min_side_min min_side_max",
        _TSN: "fix_crop multi_scale scale_ratios max_distort more_fix_crop is_flow",
        _NVIDIA: "use_gpu_transform img_rand_resize_lower img_rand_resize_upper",
    },
    "SolverParameter": {
        _SSD: "eval_type ap_version show_per_class_result plateau_winsize",
        _TSN: "richness",
        _NVIDIA: "rampup_interval rampup_lr min_lr local_lr_auto local_gr_ratio",
    },
    "NetParameter": {
        _NVIDIA: "default_forward_type default_backward_type default_forward_math default_backward_math "
        "global_grad_scale reduce_buckets",
        _TSN: "mem_param",
        _INTEL: "compile_net_state bn_stats_batch_size engine",
    },
}
_BY_FIELD = {
    (message, field): fork
    for message, forks in _FORKS.items()
    for fork, names in forks.items()
    for field in names.split()
}


def fork_of(message: str, field: str) -> str:
    """The fork that added a field to a message of ``caffe.proto``; '' for one that is not known."""
    return _BY_FIELD.get((message, field), "")


def fork_fields() -> list[tuple[str, str]]:
    """All of them: message and field."""
    return list(_BY_FIELD)
