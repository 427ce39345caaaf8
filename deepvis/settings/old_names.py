"""Every setting of the two older toolboxes, Yosinski's and arikpoz's: what it is called here, or what replaces it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Renamed:
    """A setting that lives on.

    Parameters
    ----------
    name : what it is called here.
    convert : makes the value here from the old one; None leaves the default.
    """

    name: str
    convert: Callable[[Any], Any] = lambda value: value


@dataclass(frozen=True)
class Replaced:
    """A setting that is not needed any more, and by what it is replaced."""

    by: str


def _channels(swap: Any) -> str | None:
    """Channel order of the net's input from Caffe's ``channel_swap`` of RGB; None where the toolbox chose itself."""
    orders: dict[tuple[int, ...], str] = {(2, 1, 0): "BGR", (0, 1, 2): "RGB"}
    orders |= {(*order, *(3 + channel for channel in order)): name for order, name in orders.items()}  # of pairs
    return None if swap is None else orders.get(tuple(swap), f"channel_swap {tuple(swap)}")


_MEASURED = "deepvis scan, which keeps maxima, means and minima of every unit (docs/scan-format.md)"
_EXPORT = "deepvis export with --back gradient, deconv or guided (docs/export.md)"
_SYNTHESIS = (
    "the options of the synthesis, which is no part of the window: synthesised images of a folder are shown with"
    " unit_pictures"
)
_LOOK = "the look of the window: font_size for all text; colours are the window's own"
_PANES = "panes that are moved, resized and closed with the mouse; the arrangement is remembered"
_THREADS = "workers that wait for nothing and need no rest"
_INFO = "the value, picture and place that every scan keeps"
_SIAMESE = "pair, with a list of two pictures on every line"


def _fonts(prefix: str, *names: str) -> dict[str, Replaced]:
    return {f"{prefix}_{name}": Replaced(_LOOK) for name in names}


OLD_NAMES: dict[str, Renamed | Replaced] = {
    # the required ones, and those that no documentation names
    "caffevis_caffe_root": Replaced("nothing: no Caffe is needed to look into a Caffe net"),
    "caffevis_deploy_prototxt": Renamed("model"),
    "caffevis_network_weights": Renamed("weights"),
    "caffevis_data_mean": Renamed("mean"),
    "model_to_load": Replaced("the model's file in model_settings, which was read with this one"),
    "caffevis_filter_layers": Renamed("hidden_layers"),
    "control_pane_height": Replaced(_PANES),
    "caffevis_layer_pretty_names": Renamed("layer_names"),
    "base_folder": Replaced("paths relative to the settings file"),
    # input
    "input_updater_capture_device": Renamed("camera"),
    "input_updater_sleep_after_read_frame": Replaced(_THREADS),
    "input_updater_heartbeat_required": Replaced(_THREADS),
    "static_files_dir": Renamed("images"),
    "static_files_regexp": Replaced("the extensions of pictures"),
    "static_files_ignore_case": Replaced("extensions in any case"),
    "static_file_stretch_mode": Renamed("fit", lambda on: "stretch" if on else "crop"),
    "static_files_input_mode": Replaced("images, which takes folders and lists, also of pairs"),
    "static_files_input_file": Replaced("images, which takes folders and lists, also of pairs"),
    "is_siamese": Replaced(_SIAMESE),
    "siamese_input_mode": Replaced(_SIAMESE),
    "is_gray_model": Renamed("channel_order", lambda gray: "GRAY" if gray else None),
    # the window
    "main_loop_sleep_ms": Replaced(_THREADS),
    "print_dots": Replaced("progress bars"),
    "debug_window_panes": Replaced(_PANES),
    "window_panes": Replaced(_PANES),
    "global_scale": Replaced("window_size, and the window's own resizing"),
    "global_font_size": Renamed("font_size", lambda factor: round(10 * factor)),
    "help_pane_loc": Replaced(_PANES),
    "window_background": Replaced(_LOOK),
    "stale_background": Replaced(_LOOK),
    "keypress_pause_handle_iterations": Replaced(_THREADS),
    "keypress_pause_redraw_iterations": Replaced(_THREADS),
    "redraw_at_least_every": Replaced(_THREADS),
    "installed_apps": Replaced("files in deepvis/controllers/panes and deepvis/views/panes (docs/window.md)"),
    **_fonts("help", "face", "loc", "line_spacing", "clr", "fsize", "thick"),
    # the engine
    "caffevis_mode_gpu": Renamed("device", lambda on: "auto" if on else "cpu"),
    "caffevis_gpu_id": Renamed("device", lambda number: f"cuda:{number}" if number else None),
    "generate_channelwise_mean": Replaced("mean, as one number per channel"),
    # the net
    "caffevis_labels": Renamed("classes"),
    "caffevis_label_layers": Renamed("label_layers", lambda names: tuple(names or ()) or None),
    "caffevis_prob_layer": Renamed("class_layer"),
    "caffevis_outputs_dir": Renamed("unit_pictures"),
    "caffevis_unit_jpg_dir": Renamed("unit_pictures"),
    "caffevis_outputs_dir_folder_format": Replaced("unit_pictures, which knows the folders of both toolboxes"),
    "caffevis_jpgvis_layers": Replaced("unit_pictures: every layer in it is shown"),
    "caffevis_jpgvis_remap": Replaced("unit_pictures, by the layers' own names"),
    "caffevis_layer_pretty_name_fn": Renamed("layer_names"),
    "caffevis_layers_aspect_ratio": Replaced("a grid that follows the shape of its pane"),
    "caffevis_pause_after_keys": Replaced(_THREADS),
    "caffevis_frame_wait_sleep": Replaced(_THREADS),
    "caffevis_jpg_load_sleep": Replaced(_THREADS),
    "caffevis_heartbeat_required": Replaced(_THREADS),
    "caffevis_fast_move_dist": Renamed("fast_step"),
    "caffevis_jpg_cache_size": Replaced("a cache by number of units"),
    "caffevis_grad_norm_blur_radius": Replaced("a blur by 2 % of the longer side"),
    "caffevis_boost_indiv_choices": Replaced("the choices 0, 0.3, 0.5, 0.8, 1 (T)"),
    "caffevis_boost_indiv_default_idx": Renamed("boost", lambda place: (0.0, 0.3, 0.5, 0.8, 1.0)[place]),
    "caffevis_boost_gamma_choices": Replaced("the choices 1, 0.7, 0.5, 0.3 (t)"),
    "caffevis_boost_gamma_default_idx": Renamed("gamma", lambda place: (1.0, 0.7, 0.5, 0.3)[place]),
    "caffevis_init_show_label_predictions": Renamed("show_classes", bool),
    "caffevis_init_show_unit_jpgs": Renamed("show_patches", bool),
    "caffevis_keep_aspect_ratio": Replaced("panes that always keep the shape of a picture"),
    **_fonts("caffevis_control", "line_spacing", "face", "loc", "clr", "clr_selected", "clr_cursor", "clr_bp", "fsize"),
    **_fonts("caffevis_control", "thick", "thick_selected", "thick_cursor", "thick_bp"),
    **_fonts("caffevis_layer", "clr_cursor", "clr_back_background", "clr_back_sel"),
    **_fonts("caffevis_status", "face", "loc", "line_spacing", "clr", "fsize", "thick"),
    "caffevis_jpgvis_stack_vert": Replaced(_PANES),
    **_fonts("caffevis_buttons_header", "face", "fsize", "clr", "thick"),
    **_fonts("caffevis_buttons_normal", "face", "fsize", "clr", "thick"),
    **_fonts("caffevis_buttons_selected", "face", "fsize", "clr", "thick"),
    **_fonts("caffevis_buttons", "loc", "line_spacing"),
    **_fonts("caffevis_class", "face", "loc", "line_spacing", "clr_0", "clr_1", "fsize", "thick"),
    **_fonts("caffevis_label", "face", "loc", "clr", "fsize", "thick"),
    **_fonts("caffevis_score", "face", "loc", "clr", "fsize", "thick"),
    "caffevis_histograms_format": Replaced(
        "histograms of weights made when they are asked for, of activations by a scan"
    ),
    "caffevis_clear_negative_activations": Replaced("a diverging colour map for negative values"),
    # preprocessing
    "caffe_net_channel_swap": Renamed("channel_order", _channels),
    "caffe_net_transpose": Replaced("the blob's own order, which is always channels, height, width"),
    "caffe_net_raw_scale": Renamed("raw_scale", lambda scale: None if scale is None else scale / 255),
    "caffe_net_input_scale": Renamed("std", lambda scale: None if scale is None else 1 / scale),
    "caffe_net_image_dims": Renamed("resize_to", lambda size: None if size is None else tuple(size)),
    # offline programs
    "max_tracker_do_maxes": Replaced(_MEASURED),
    "max_tracker_do_deconv": Replaced(_EXPORT),
    "max_tracker_do_deconv_norm": Replaced(_EXPORT),
    "max_tracker_do_backprop": Replaced(_EXPORT),
    "max_tracker_do_backprop_norm": Replaced(_EXPORT),
    "max_tracker_do_info": Replaced(_INFO),
    "max_tracker_do_histograms": Replaced(_MEASURED),
    "max_tracker_do_correlation": Replaced("deepvis scan --correlation"),
    "max_tracker_batch_size": Renamed("batch"),
    "layers_to_output_in_offline_scripts": Replaced("deepvis scan --layers"),
    "layers_list": Replaced("the layers of the net; hidden_layers leaves some out"),
    **{
        f"optimize_image_{name}": Replaced(_SYNTHESIS)
        for name in (
            "rand_seed",
            "decay",
            "blur_radius",
            "blue_every",
            "lr_policy",
            "lr_params",
            "max_iters",
            "output_prefix",
            "generate_plus_mean",
            "batch_size",
            "channels",
        )
    },
}
