"""Layers without bottoms: Input, DummyData and the data layers, as far as their fields say their shapes."""

from __future__ import annotations

from collections.abc import Sequence

from prototxt.common.errors import NetError
from prototxt.net.graph import Node
from prototxt.net.shape_rules.registry import LayerShapes, Shape, shape_rule


class ShapeNotInFieldsError(NetError):
    """The shapes of a data layer's tops are in its file only."""


@shape_rule("Input", bottoms=(0, 0), tops=(1, None))
def input_(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow input_layer.cpp: one shape for all tops, or one for each."""
    return LayerShapes(_one_or_each(node, [tuple(shape.dim) for shape in node.layer.input_param.shape]))


@shape_rule("DummyData", bottoms=(0, 0), tops=(1, None))
def dummy_data(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow dummy_data_layer.cpp: shapes, or the four old fields."""
    param = node.layer.dummy_data_param
    shapes = [tuple(shape.dim) for shape in param.shape]
    if not shapes:
        old = [list(field) for field in (param.num, param.channels, param.height, param.width)]
        longest = max(map(len, old))
        if any(len(field) not in (1, longest) for field in old):
            raise NetError(
                f"{node}: num, channels, height and width must be given once, or once for each top; got {old}"
            )
        columns = [field * longest if len(field) == 1 else field for field in old]
        shapes = list(zip(*columns, strict=True))
    return LayerShapes(_one_or_each(node, shapes))


@shape_rule("MemoryData", bottoms=(0, 0), tops=(2, 2))
def memory_data(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow memory_data_layer.cpp: pictures and labels."""
    param = node.layer.memory_data_param
    shape = (param.batch_size, param.channels, param.height, param.width)
    if min(shape) < 1:
        raise NetError(f"{node}: batch_size, channels, height and width must be at least 1; got {shape}")
    return LayerShapes([shape, (param.batch_size,)])


@shape_rule("WindowData", bottoms=(0, 0), tops=(2, 2))
def window_data(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow window_data_layer.cpp: square crops of colour pictures, and labels."""
    crop = node.layer.transform_param.crop_size
    batch = node.layer.window_data_param.batch_size
    if not crop or not batch:
        raise NetError(f"{node}: crop_size and batch_size must be at least 1; got {crop} and {batch}")
    return LayerShapes([(batch, 3, crop, crop), (batch,)])


@shape_rule("ImageData", bottoms=(0, 0), tops=(2, 2))
def image_data(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow image_data_layer.cpp: the size is that of the crop, else of the resize, else in the file only."""
    param, crop = node.layer.image_data_param, node.layer.transform_param.crop_size
    height, width = (crop, crop) if crop else (param.new_height, param.new_width)
    if bool(param.new_height) != bool(param.new_width):
        raise NetError(f"{node}: new_height and new_width go together; got {param.new_height} and {param.new_width}")
    if not height:
        raise ShapeNotInFieldsError(f"{node}: has neither crop_size nor new_height, so its pictures set its shape")
    channels = 3 if param.is_color else 1
    return LayerShapes([(param.batch_size, channels, height, width), (param.batch_size,)])


@shape_rule("Data", bottoms=(0, 0), tops=(1, 2))
def data(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow data_layer.cpp: only with a crop and a forced number of channels do the fields tell the shape."""
    transform, batch = node.layer.transform_param, node.layer.data_param.batch_size
    if not transform.crop_size or not (transform.force_color or transform.force_gray):
        raise ShapeNotInFieldsError(f"{node}: its database sets its shape")
    channels = 3 if transform.force_color else 1
    return LayerShapes([(batch, channels, transform.crop_size, transform.crop_size), (batch,)][: len(node.tops)])


@shape_rule("HDF5Data", bottoms=(0, 0), tops=(1, None))
def hdf5_data(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Tell that only the file knows."""
    raise ShapeNotInFieldsError(f"{node}: its HDF5 files set its shape")


@shape_rule("Python", bottoms=(0, None), tops=(0, None))
def python_layer(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Tell that only the code knows."""
    if not node.tops:
        return LayerShapes([])
    raise ShapeNotInFieldsError(f"{node}: its Python code sets its shape")


def _one_or_each(node: Node, shapes: list[Shape]) -> list[Shape]:
    if not shapes and node.type == "Input":
        raise ShapeNotInFieldsError(f"{node}: has no shape")
    if len(shapes) not in (1, len(node.tops)):
        raise NetError(f"{node}: needs one shape, or one for each of its {len(node.tops)} tops; got {shapes}")
    if any(size < 0 for shape in shapes for size in shape):
        raise NetError(f"{node}: sizes must not be negative; got {shapes}")
    return shapes * len(node.tops) if len(shapes) == 1 else shapes
