"""The ONNX model that a net becomes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from converters.back.describing import describe
from converters.back.onnx.emitter import OnnxEmitter
from converters.back.source_layer import Shape
from converters.back.source_net import SourceNet
from converters.errors import ConversionError
from prototxt.net.graph import Value

OPSET, IR_VERSION = 18, 9
BATCH = "N"
UNROLLED_TYPES = frozenset({"LSTM", "RNN", "DetectionOutput"})
"""Layers that are written out for the batch (or time) of the prototxt."""
LIMIT = 2**31 - 2**24
"""Bytes of arrays in one file: protobuf ends at 2 GiB, nodes included; what is larger stores its arrays beside it."""


def to_onnx(source: SourceNet, about: str = "") -> onnx.ModelProto:
    """Write a net as an ONNX model.

    Parameters
    ----------
    about : text for the model's documentation.

    Raises
    ------
    ConversionError : for layers that cannot be converted (names them), or a model that ONNX's own checker refuses.
    """
    emit = OnnxEmitter(frozenset(source.graph.value(value.blob) for value in source.graph.values))
    emit.reserve([emit.name_of(value) for value in source.graph.values])
    values = {value: emit.name_of(value) for value in source.inputs}
    describe(source, emit, dict(values), emit.write)
    graph = helper.make_graph(
        emit.nodes,
        source.net.name or "net",
        [_info(source, name, value) for value, name in values.items()],
        [_info(source, emit.name_of(value), value) for value in source.outputs],
        [_tensor(name, array) for name, array in _used(emit).items()],
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="deepvis-caffe",
        doc_string=about,
    )
    return model


def batch_is_free(source: SourceNet) -> bool:
    """Whether the model takes other batches than the prototxt's."""
    return source.batch_is_free and not any(layer.type in UNROLLED_TYPES for layer in source.layers)


def write_onnx(model: onnx.ModelProto, path: Path, limit: int = LIMIT) -> None:
    """Write a model and check it; one whose arrays have more than ``limit`` bytes keeps them in ``path.data``.

    Raises
    ------
    ConversionError : the checker or the inference of shapes finds a fault, which is one of ours.
    """
    large = sum(len(tensor.raw_data) for tensor in model.graph.initializer) > limit
    onnx.save_model(model, path, save_as_external_data=large, location=f"{path.name}.data", size_threshold=1024)
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ConversionError(f"the ONNX model does not pass the checker: {str(error).splitlines()[0]}") from error


def with_outputs(model: onnx.ModelProto, source: SourceNet) -> onnx.ModelProto:
    """The model itself, now with every blob as an output, to be verified."""
    del model.graph.output[:]
    model.graph.output.extend(
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names(source).values()
    )
    return model


def names(source: SourceNet) -> dict[Value, str]:
    """Every computed value by its name in the graph."""
    final = frozenset(source.graph.value(value.blob) for value in source.graph.values)
    emit = OnnxEmitter(final)
    return {value: emit.name_of(value) for value in source.values}


def _info(source: SourceNet, name: str, value: Value) -> onnx.ValueInfoProto:
    shape = source.shapes.values[value]
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, _dimensions(source, value, shape))


def _dimensions(source: SourceNet, value: Value, shape: Shape) -> list[int | str]:
    dims: list[int | str] = list(shape)
    if source.graph.producer(value).type == "DetectionOutput":
        dims[2] = "detections"
    if shape and any(node.type == "Filter" for node in source.graph.ancestors([value])):
        dims[0] = f"{value.blob}_0"  # how many items pass is known only when it runs
        return dims
    if shape and batch_is_free(source) and source.varies(value):
        dims[0] = BATCH if shape[0] == next(iter(source.inputs.values()))[0] else f"{value.blob}_0"
    return dims


def _tensor(name: str, array: np.ndarray) -> onnx.TensorProto:
    return numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)


def _used(emit: OnnxEmitter) -> dict[str, np.ndarray]:
    read = {name for node in emit.nodes for name in node.input}
    return {name: array for name, array in emit.initializers.items() if name in read}
