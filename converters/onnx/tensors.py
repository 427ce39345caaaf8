"""Arrays of an ONNX file, and of files of external data beside it, as tensors; nothing in them is trusted."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import onnx
import torch
from onnx import TensorProto, numpy_helper
from torch import Tensor

from converters.errors import ConversionError

DTYPES: dict[int, torch.dtype] = {
    TensorProto.FLOAT: torch.float32,
    TensorProto.FLOAT16: torch.float32,
    TensorProto.BFLOAT16: torch.float32,
    TensorProto.DOUBLE: torch.float32,
    TensorProto.INT8: torch.int8,
    TensorProto.UINT8: torch.uint8,
    TensorProto.INT16: torch.int16,
    TensorProto.UINT16: torch.int32,
    TensorProto.INT32: torch.int32,
    TensorProto.UINT32: torch.int64,
    TensorProto.INT64: torch.int64,
    TensorProto.UINT64: torch.int64,
    TensorProto.BOOL: torch.bool,
}
"""What each element type of ONNX is computed in; those that are not here cannot be converted."""

CONVERTED: dict[int, str] = {
    TensorProto.FLOAT16: "float16",
    TensorProto.BFLOAT16: "bfloat16",
    TensorProto.DOUBLE: "float64",
}
"""Floating-point types that become float32, which is told."""


def type_name(element_type: int) -> str:
    """Name of an element type: ``"FLOAT16"``."""
    names = [name for name, number in TensorProto.DataType.items() if number == element_type]
    return names[0] if names else f"number {element_type}"


class TensorReader:
    """Reads the tensors of one file, and counts those whose type was changed.

    Parameters
    ----------
    path : of the ``.onnx`` file; external data lies in its folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.converted: Counter[str] = Counter()

    def read(self, proto: TensorProto, what: str = "") -> Tensor:
        """A tensor of the file.

        Parameters
        ----------
        what : it is, for errors; by default ``initializer 'name'``.

        Raises
        ------
        ConversionError : if its type cannot be converted, its size is not what it says, or its external data is
            missing, elsewhere than in the model's folder, or too short.
        """
        what = what or f"initializer {proto.name!r}"
        dtype = self.dtype(proto.data_type, what)
        dims = tuple(proto.dims)
        if any(dim < 0 for dim in dims):
            raise ConversionError(f"{self._path}: {what} has the shape {dims}; the file is damaged, export it again")
        if proto.data_location == TensorProto.EXTERNAL:
            array = self._external(proto, dims, what)
        else:
            array = self._inside(proto, dims, what)
        if dtype == torch.float32 and array.dtype != np.float32:
            with np.errstate(over="ignore"):
                array = array.astype(np.float32)
        elif proto.data_type in (TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64):
            array = array.astype(np.int64)
        return torch.from_numpy(np.array(array, order="C")).to(dtype)

    def dtype(self, element_type: int, what: str) -> torch.dtype:
        """What an element type is computed in.

        Raises
        ------
        ConversionError : for quantised, complex and other types that no Caffe net can hold.
        """
        if element_type not in DTYPES:
            raise ConversionError(
                f"{self._path}: {what} has elements of type {type_name(element_type)}; Caffe computes in float32: "
                "export the model before it is quantised, and without complex numbers or texts"
            )
        if element_type in CONVERTED:
            self.converted[CONVERTED[element_type]] += 1
        return DTYPES[element_type]

    def _inside(self, proto: TensorProto, dims: tuple[int, ...], what: str) -> np.ndarray:
        try:
            if proto.HasField("raw_data"):
                wanted = math.prod(dims) * np.dtype(onnx.helper.tensor_dtype_to_np_dtype(proto.data_type)).itemsize
                found = len(proto.raw_data)
                if found != wanted:
                    raise ValueError(f"{found} bytes instead of {wanted}")
            return numpy_helper.to_array(proto)
        except (ValueError, TypeError, OverflowError) as error:
            raise ConversionError(
                f"{self._path}: {what} of shape {dims} does not hold what it says ({error}); the file is damaged, "
                "export it again"
            ) from error

    def _external(self, proto: TensorProto, dims: tuple[int, ...], what: str) -> np.ndarray:
        told = {entry.key: entry.value for entry in proto.external_data}
        file = self._beside(str(told.get("location", "")), what)
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(proto.data_type))
        count = math.prod(dims)
        try:
            offset, length = int(told.get("offset", 0)), int(told.get("length", count * dtype.itemsize))
        except ValueError:
            offset = length = -1
        have = file.stat().st_size - offset
        if offset < 0 or length != count * dtype.itemsize or have < length:
            raise ConversionError(
                f"{file}: does not hold {what} of shape {dims} ({count * dtype.itemsize} bytes from byte {offset}; "
                f"{max(have, 0)} are there); copy it again together with {self._path.name}"
            )
        return np.fromfile(file, dtype, count, offset=offset).reshape(dims)

    def _beside(self, location: str, what: str) -> Path:
        """The file of external data, which may lie nowhere but under the model's folder."""
        folder = self._path.parent.resolve()
        posix, windows = PurePosixPath(location), PureWindowsPath(location)
        outside = not location or posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts
        if outside or not (folder / posix).resolve().is_relative_to(folder):
            raise ConversionError(
                f"{self._path}: the data of {what} is said to lie in {location!r}, outside the folder of the model, "
                "where nothing is read; put the file beside the model"
            )
        file = self._path.parent / posix
        if not file.is_file():
            raise ConversionError(
                f"{file}: there is no such file, which holds {what} of {self._path.name}; copy it beside the model"
            )
        return file
