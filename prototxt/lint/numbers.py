"""Rules about the numbers in a layer's settings: sizes, shapes, choices that exclude one another."""

from __future__ import annotations

from collections.abc import Iterator

from prototxt.formats.schema import ConvolutionParameter, EltwiseParameter, LayerParameter, PoolingParameter
from prototxt.lint.registry import layer_rule


@layer_rule("Convolution", "Deconvolution", "Im2col")
def convolution_window(layer: LayerParameter) -> Iterator[str]:
    """A window is given once for all axes, once for each, or as height and width."""
    param = layer.convolution_param
    for name, short in (("kernel_size", "kernel"), ("stride", "stride"), ("pad", "pad")):
        given_2d = param.HasField(f"{short}_h") or param.HasField(f"{short}_w")
        if given_2d and getattr(param, name):
            yield f"has both {name} and {short}_h or {short}_w; give one of the two forms"
    yield from _positive_window(param)


def _positive_window(param: ConvolutionParameter) -> Iterator[str]:
    in_2d = param.HasField("kernel_h") or param.HasField("kernel_w")
    kernel = [param.kernel_h, param.kernel_w] if in_2d else list(param.kernel_size)
    if not kernel or 0 in kernel:
        yield "has no kernel_size (or kernel_h and kernel_w) above 0; give one"
    in_2d = param.HasField("stride_h") or param.HasField("stride_w")
    stride = [param.stride_h, param.stride_w] if in_2d else list(param.stride)
    if 0 in stride:
        yield "has a stride of 0; it must be 1 or more, and stride_h needs stride_w"


@layer_rule("Convolution", "Deconvolution")
def convolution_outputs(layer: LayerParameter) -> Iterator[str]:
    """Outputs are shared out equally among the groups."""
    param = layer.convolution_param
    if param.num_output == 0:
        yield "needs num_output above 0"
    if param.group == 0:
        yield "has group 0; it must be 1 or more"
    elif param.num_output % param.group:
        yield f"num_output {param.num_output} is no multiple of group {param.group}"


@layer_rule("InnerProduct")
def inner_product_outputs(layer: LayerParameter) -> Iterator[str]:
    """At least one output."""
    if layer.inner_product_param.num_output == 0:
        yield "needs num_output above 0"


@layer_rule("Embed")
def embed_sizes(layer: LayerParameter) -> Iterator[str]:
    """Both sides of the table."""
    for name in ("num_output", "input_dim"):
        if getattr(layer.embed_param, name) == 0:
            yield f"needs {name} above 0"


@layer_rule("LSTM", "RNN")
def recurrent_outputs(layer: LayerParameter) -> Iterator[str]:
    """At least one output."""
    if layer.recurrent_param.num_output == 0:
        yield "needs num_output above 0"


@layer_rule("Pooling")
def pooling_forms(layer: LayerParameter) -> Iterator[str]:
    """Each size once: for both axes, or as height and width."""
    param = layer.pooling_param
    has_both = param.HasField("kernel_h") and param.HasField("kernel_w")
    has_any = param.HasField("kernel_h") or param.HasField("kernel_w")
    if param.global_pooling:
        if param.HasField("kernel_size") or has_any:
            yield "has global_pooling and a kernel size; delete the size"
    elif param.HasField("kernel_size") == has_both:
        yield "needs either kernel_size, or both kernel_h and kernel_w"
    for name in ("pad", "stride"):
        halves = [param.HasField(f"{name}_h"), param.HasField(f"{name}_w")]
        if any(halves) and (param.HasField(name) or not all(halves)):
            yield f"needs either {name}, or both {name}_h and {name}_w"


@layer_rule("Pooling")
def pooling_window(layer: LayerParameter) -> Iterator[str]:
    """Padding is smaller than the window, and a global window has none."""
    param = layer.pooling_param
    kernel = [param.kernel_h, param.kernel_w] if param.HasField("kernel_h") else [param.kernel_size] * 2
    pad = [param.pad_h, param.pad_w] if param.HasField("pad_h") else [param.pad] * 2
    stride = [param.stride_h, param.stride_w] if param.HasField("stride_h") else [param.stride] * 2
    if param.global_pooling:
        if any(pad) or stride != [1, 1]:
            yield "has global_pooling, which takes no pad and only stride 1"
        return
    if 0 in stride:
        yield "has a stride of 0; it must be 1 or more"
    if (param.HasField("kernel_size") or param.HasField("kernel_h")) and 0 in kernel:
        yield "has a kernel size of 0; it must be 1 or more"
    elif any(pad) and any(p >= k for p, k in zip(pad, kernel, strict=True)):
        yield f"pad {pad} is not smaller than the kernel {kernel}"
    if any(pad) and param.pool == PoolingParameter.STOCHASTIC:
        yield "has a pad with STOCHASTIC pooling; only MAX and AVE take one"


@layer_rule("LRN")
def odd_lrn(layer: LayerParameter) -> Iterator[str]:
    """A window with a middle."""
    if layer.lrn_param.local_size % 2 == 0:
        yield f"has local_size {layer.lrn_param.local_size}; it must be odd"


@layer_rule("Eltwise")
def eltwise_coefficients(layer: LayerParameter) -> Iterator[str]:
    """One coefficient a bottom, of a sum only."""
    param = layer.eltwise_param
    if param.coeff and len(param.coeff) != len(layer.bottom):
        yield f"has {len(param.coeff)} coeff for {len(layer.bottom)} bottoms; give one per bottom or none"
    if param.coeff and param.operation == EltwiseParameter.PROD:
        yield "has coeff with PROD; only SUM takes them"


@layer_rule("Dropout")
def dropout_ratio(layer: LayerParameter) -> Iterator[str]:
    """At 1 the scale of what is kept is infinite."""
    if not 0 <= layer.dropout_param.dropout_ratio < 1:
        yield f"has dropout_ratio {layer.dropout_param.dropout_ratio:g}; it must be at least 0 and below 1"


@layer_rule("Concat")
def concat_axis(layer: LayerParameter) -> Iterator[str]:
    """The old field or the new one."""
    if layer.concat_param.HasField("axis") and layer.concat_param.HasField("concat_dim"):
        yield "has both axis and concat_dim (the old field); keep axis"


@layer_rule("Slice")
def slice_points(layer: LayerParameter) -> Iterator[str]:
    """One point less than tops, each beyond the one before."""
    param = layer.slice_param
    points = list(param.slice_point)
    if param.HasField("axis") and param.HasField("slice_dim"):
        yield "has both axis and slice_dim (the old field); keep axis"
    if points and len(points) != len(layer.top) - 1:
        yield f"has {len(points)} slice_point for {len(layer.top)} tops; give one less than tops"
    if any(a >= b for a, b in zip([0, *points], points, strict=False)):
        yield f"slice_point {points} must rise from above 0"


@layer_rule("Reshape")
def reshape_dims(layer: LayerParameter) -> Iterator[str]:
    """One axis at most is inferred."""
    dims = list(layer.reshape_param.shape.dim)
    if dims.count(-1) > 1:
        yield f"shape {dims} has more than one -1"
    if any(dim < -1 for dim in dims):
        yield f"shape {dims} has a negative axis; allowed are -1 (infer), 0 (copy) and sizes"
    if layer.reshape_param.num_axes < -1:
        yield "num_axes must be -1 (all) or more"


@layer_rule("Scale", "Bias")
def scale_axes(layer: LayerParameter) -> Iterator[str]:
    """How many axes the factor spans."""
    param = layer.scale_param if layer.type == "Scale" else layer.bias_param
    if len(layer.bottom) == 1 and param.num_axes < -1:
        yield "num_axes must be -1 (all) or more"


@layer_rule("Tile")
def tiles(layer: LayerParameter) -> Iterator[str]:
    """How often to repeat."""
    if layer.tile_param.tiles <= 0:
        yield "needs tiles above 0"


@layer_rule("ArgMax")
def argmax_top_k(layer: LayerParameter) -> Iterator[str]:
    """At least the largest one."""
    if layer.argmax_param.top_k < 1:
        yield "has top_k 0; it must be 1 or more"


@layer_rule("Exp", "Log")
def base_of_logarithm(layer: LayerParameter) -> Iterator[str]:
    """-1 stands for e."""
    base = (layer.exp_param if layer.type == "Exp" else layer.log_param).base
    if base != -1 and (base <= 0 or (layer.type == "Log" and base == 1)):
        yield f"has base {base:g}; it must be above 0 (and not 1 for Log), or -1 for e"


@layer_rule("InfogainLoss")
def infogain_matrix(layer: LayerParameter) -> Iterator[str]:
    """The matrix comes from a file or from the third bottom."""
    if len(layer.bottom) < 3 and not layer.infogain_loss_param.HasField("source"):
        yield "needs infogain_loss_param.source (the matrix), or a third bottom"
    if layer.loss_param.HasField("normalize"):
        yield "has loss_param.normalize, which it does not take; use normalization"


@layer_rule("Python")
def python_class(layer: LayerParameter) -> Iterator[str]:
    """Where the class is."""
    if not (layer.python_param.module and layer.python_param.layer):
        yield "needs python_param.module and python_param.layer"


@layer_rule("Input")
def input_shapes(layer: LayerParameter) -> Iterator[str]:
    """One shape for all tops, one each, or none."""
    if len(layer.input_param.shape) not in (0, 1, len(layer.top)):
        yield f"has {len(layer.input_param.shape)} shapes for {len(layer.top)} tops; give one, or one per top"


@layer_rule("DummyData")
def dummy_shapes(layer: LayerParameter) -> Iterator[str]:
    """New shapes or the four old fields, once or for every top."""
    param, tops = layer.dummy_data_param, len(layer.top)
    old = [param.num, param.channels, param.height, param.width]
    if len(param.data_filler) not in (0, 1, tops):
        yield f"has {len(param.data_filler)} data_filler for {tops} tops; give one, or one per top"
    if any(old) and param.shape:
        yield "has both shape and num, channels, height or width (the old fields); keep shape"
    elif any(old):
        if any(len(sizes) not in (1, tops) for sizes in old):
            yield "needs num, channels, height and width, each once or once per top"
    elif len(param.shape) not in (1, tops):
        yield f"has {len(param.shape)} shapes for {tops} tops; give one, or one per top"


@layer_rule("MemoryData")
def memory_data_shape(layer: LayerParameter) -> Iterator[str]:
    """All four sizes."""
    param = layer.memory_data_param
    if not (param.batch_size and param.channels and param.height and param.width):
        yield "needs batch_size, channels, height and width above 0"


@layer_rule("ImageData")
def image_data_sizes(layer: LayerParameter) -> Iterator[str]:
    """Height and width together; at least one image."""
    param = layer.image_data_param
    if (param.new_height == 0) != (param.new_width == 0):
        yield "needs both new_height and new_width, or none of them"
    if param.batch_size == 0:
        yield "has batch_size 0; it must be 1 or more"


@layer_rule("Data", "ImageData", "HDF5Data", "WindowData", "HDF5Output")
def file_is_named(layer: LayerParameter) -> Iterator[str]:
    """Where the data are."""
    fields = {"Data": "data_param", "ImageData": "image_data_param", "HDF5Data": "hdf5_data_param"}
    if layer.type == "HDF5Output":
        if not layer.hdf5_output_param.file_name:
            yield "needs hdf5_output_param.file_name"
        return
    param = fields.get(layer.type, "window_data_param")
    if not getattr(layer, param).source:
        yield f"needs {param}.source"


@layer_rule("Data", "HDF5Data", "WindowData")
def data_batch(layer: LayerParameter) -> Iterator[str]:
    """At least one datum at a time."""
    fields = {"Data": "data_param", "HDF5Data": "hdf5_data_param", "WindowData": "window_data_param"}
    if getattr(layer, fields[layer.type]).batch_size == 0:
        yield f"needs {fields[layer.type]}.batch_size above 0"


@layer_rule("HDF5Data")
def hdf5_data_is_raw(layer: LayerParameter) -> Iterator[str]:
    """What the file holds goes into the net as it is."""
    if layer.HasField("transform_param"):
        yield "has transform_param, but HDF5Data transforms nothing; prepare the data in the file"


@layer_rule("Data", "ImageData", "MemoryData", "WindowData")
def one_mean(layer: LayerParameter) -> Iterator[str]:
    """A mean picture or mean values."""
    if layer.transform_param.HasField("mean_file") and layer.transform_param.mean_value:
        yield "has both mean_file and mean_value; keep one"
