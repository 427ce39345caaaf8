"""From an ``.onnx`` file to a graph, with every way in which the file may not be one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import torch
from google.protobuf.message import DecodeError
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, ValueInfoProto
from torch import Tensor

from converters.errors import ConversionError
from converters.onnx.graph import OnnxGraph, OnnxInput, OnnxNode
from converters.onnx.names import exported_scope
from converters.onnx.schema import OWN_DOMAINS, check_schema
from converters.onnx.tensors import TensorReader
from prototxt.formats.file_kinds import kind_of, read_bytes

OPSETS = range(9, 24)
"""Versions of ONNX's operators that can be read."""

SUFFIX = ".onnx"
_A = AttributeProto


def read_onnx(path: Path | str) -> OnnxGraph:
    """Read a model.

    Raises
    ------
    FormatError : if there is no such file.
    ConversionError : if it is no ONNX model, is of an opset that is not known, is damaged, or holds what no Caffe net
        can: quantised or complex tensors, weights that are not numbers.
    """
    return graph_of(_parse(Path(path)), Path(path))


def graph_of(model: ModelProto, path: Path) -> OnnxGraph:
    """Take a parsed model apart; its data is cleared. Errors are those of `read_onnx`.

    Parameters
    ----------
    path : of the file, beside which external data lies.
    """
    opset = _opset(path, model)
    if model.functions:
        model = _inlined(path, model)
    tensors = TensorReader(path)
    graph = _Reader(path, tensors, opset).graph(model.graph)
    if not graph.nodes:
        raise ConversionError(f"{path}: has no operations; there is nothing to convert")
    _check_finite(path, graph.initializers)
    notes = [
        f"{count} tensor{'s' if count > 1 else ''} of type {kind} became float32, in which Caffe computes"
        for kind, count in tensors.converted.items()
    ]
    return replace(graph, notes=tuple(notes))


def external_files(path: Path | str) -> list[Path]:
    """Files beside a model that hold its data; only their names are looked at.

    Raises
    ------
    FormatError, ConversionError : as `read_onnx`, where there is no such file or it is no ONNX model.
    """
    tensors = _parse(Path(path)).graph.initializer
    names = {entry.value for tensor in tensors for entry in tensor.external_data if entry.key == "location"}
    files = [Path(path).parent / str(name) for name in sorted(map(str, names))]
    return [file for file in files if file.is_file()]


def _parse(path: Path) -> ModelProto:
    data = read_bytes(path, "an .onnx")
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise _no_model(path, data, str(error)) from error
    if not model.ir_version or not model.opset_import or not model.HasField("graph"):
        raise _no_model(path, data, "it has no version or no graph")
    return model


def _no_model(path: Path, data: bytes, reason: str) -> ConversionError:
    if not data:
        return ConversionError(f"{path}: is empty; export the model again")
    if len(data) >= 2**31:
        return ConversionError(
            f"{path}: is larger than the 2 GiB that one ONNX file can have; save it with its weights beside it: "
            "onnx.save(model, path, save_as_external_data=True)"
        )
    found = kind_of(path, data[:4096])
    what = "is no whole ONNX model" if found == "binary" else f"is {found}, no ONNX model"
    return ConversionError(f"{path}: {what} ({reason.rstrip('.')}); export it again, as with torch.onnx.export")


def _opset(path: Path, model: ModelProto) -> int:
    versions = [entry.version for entry in model.opset_import if entry.domain in OWN_DOMAINS]
    if not versions:
        domains = ", ".join(repr(entry.domain) for entry in model.opset_import)
        raise ConversionError(f"{path}: uses no operators of ONNX itself, but of {domains}, which are not known")
    if versions[0] not in OPSETS:
        raise ConversionError(
            f"{path}: is of opset {versions[0]}; {OPSETS[0]} to {OPSETS[-1]} can be read: export it with another "
            "opset_version, or use onnx.version_converter.convert_version(model, 17)"
        )
    return versions[0]


def _inlined(path: Path, model: ModelProto) -> ModelProto:
    """The model with the functions that it brings itself, as PyTorch 2.0 to 2.4 wrote them, put in place."""
    from onnx.inliner import inline_local_functions

    try:
        return inline_local_functions(model)
    except Exception as error:  # the inliner is C++ and raises RuntimeError and others
        raise ConversionError(
            f"{path}: a function of the model cannot be put in place ({error}); export it again"
        ) from error


def _check_finite(path: Path, tensors: dict[str, Tensor] | Any) -> None:
    """Refuse weights that are no numbers; a single infinity may be a bound."""
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() or not tensor.numel():
            continue
        low, high = (bound.item() for bound in tensor.aminmax())
        if low != low or (tensor.numel() > 1 and not (abs(low) < float("inf") and abs(high) < float("inf"))):
            bad = int((~torch.isfinite(tensor)).sum())
            raise ConversionError(
                f"{path}: initializer {name!r} has {bad} of {tensor.numel()} values that are NaN or infinite; "
                "train the model again, or export it from an earlier checkpoint"
            )


class _Reader:
    """Reads the graph of a file, and those of its branches."""

    def __init__(self, path: Path, tensors: TensorReader, opset: int) -> None:
        self._path = path
        self._tensors = tensors
        self._opset = opset

    def graph(self, proto: GraphProto, outer: Iterable[str] = ()) -> OnnxGraph:
        """Read a graph; ``outer`` are names of values that a branch sees outside."""
        if proto.sparse_initializer:
            name = proto.sparse_initializer[0].values.name
            raise ConversionError(f"{self._path}: initializer {name!r} is sparse; export the model with dense weights")
        self._check_texts(
            [entry.name for entries in (proto.initializer, proto.input, proto.output) for entry in entries]
        )
        initializers = {}
        for tensor in proto.initializer:
            initializers[tensor.name] = self._tensors.read(tensor)
            tensor.ClearField("raw_data")  # the memory is needed for the next
        inputs = tuple(self._input(value) for value in proto.input if value.name not in initializers)
        known = {*outer, *initializers, *(entry.name for entry in inputs)}
        nodes = []
        for node in proto.node:
            nodes.append(self._node(node, known))
            known.update(filter(None, node.output))
        outputs = tuple(value.name for value in proto.output)
        for name in outputs:
            if name not in known:
                raise ConversionError(f"{self._path}: its output {name!r} is computed by no node; export it again")
        return OnnxGraph(tuple(nodes), initializers, inputs, outputs, self._opset)

    def _check_texts(self, texts: Iterable[Any]) -> None:
        """Refuse names that are no text (protobuf gives as bytes what is no UTF-8) or break a line."""
        wrong = [text for text in texts if not isinstance(text, str) or not text.isprintable()]
        if wrong:
            raise ConversionError(
                f"{self._path}: the name {wrong[0]!r} is no text; the file is damaged, export it again"
            )

    def _input(self, value: ValueInfoProto) -> OnnxInput:
        kind = value.type.WhichOneof("value")
        if kind != "tensor_type":
            raise ConversionError(
                f"{self._path}: its input {value.name!r} is a {str(kind).removesuffix('_type')}, not a tensor; export "
                "the model with tensors as inputs"
            )
        told = value.type.tensor_type
        dtype = self._tensors.dtype(told.elem_type, f"input {value.name!r}")
        if not told.HasField("shape"):
            return OnnxInput(value.name, dtype, None)
        dims = [dim.dim_value if dim.HasField("dim_value") else str(dim.dim_param) or "?" for dim in told.shape.dim]
        # PyTorch 0.4 and others write 0 or -1 for an axis of any size
        shape = tuple("?" if isinstance(dim, int) and dim < 1 else dim for dim in dims)
        return OnnxInput(value.name, dtype, shape)

    def _node(self, proto: NodeProto, known: set[str]) -> OnnxNode:
        texts = [proto.op_type, proto.name, proto.domain, *proto.input, *proto.output]
        texts += [entry.name for entry in proto.attribute]
        self._check_texts(texts)
        label = proto.name or next(iter(proto.output), proto.op_type)
        for name in filter(None, proto.input):
            if name not in known:
                raise ConversionError(
                    f"{self._path}: node {label!r} ({proto.op_type}) reads {name!r}, which nothing before it computes; "
                    "the file is damaged, export it again"
                )
        twice = [name for name in proto.output if name and name in known]
        if twice:
            raise ConversionError(
                f"{self._path}: node {label!r} ({proto.op_type}) computes {twice[0]!r}, which is computed already; "
                "the file is damaged, export it again"
            )
        check_schema(self._path, proto, label, self._opset)
        attributes = {entry.name: self._attribute(entry, label, known) for entry in proto.attribute}
        return OnnxNode(
            proto.op_type,
            proto.name,
            tuple(proto.input),
            tuple(proto.output),
            attributes,
            "" if proto.domain in OWN_DOMAINS else proto.domain,
            exported_scope({entry.key: entry.value for entry in proto.metadata_props}),
        )

    def _attribute(self, proto: AttributeProto, label: str, known: set[str]) -> Any:
        what = f"attribute {proto.name!r} of node {label!r}"
        if proto.type == _A.TENSOR:
            return self._tensors.read(proto.t, what)
        if proto.type == _A.GRAPH:
            return self.graph(proto.g, known)
        if proto.type in (_A.FLOAT, _A.INT, _A.STRING, _A.FLOATS, _A.INTS, _A.STRINGS):
            return _text(onnx.helper.get_attribute_value(proto))
        if proto.type == _A.UNDEFINED:
            raise ConversionError(f"{self._path}: {what} has no type; the file is damaged, export it again")
        return proto  # of operators that are refused


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return [_text(entry) for entry in value] if isinstance(value, Sequence) and not isinstance(value, str) else value
