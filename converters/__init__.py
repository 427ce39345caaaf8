"""PyTorch and ONNX to Caffe, verified layer by layer."""

from converters.conversion import Conversion, convert
from converters.engines import ENGINES
from converters.errors import ConversionError, ParityError, UnsupportedOpsError
from converters.files import read_conversion, write_conversion
from converters.onnx import convert_onnx
from converters.verdict import Verification, check
from converters.verification import verify

__all__ = [
    "ENGINES",
    "Conversion",
    "ConversionError",
    "ParityError",
    "UnsupportedOpsError",
    "Verification",
    "check",
    "convert",
    "convert_onnx",
    "read_conversion",
    "verify",
    "write_conversion",
]
