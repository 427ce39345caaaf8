"""PyTorch to Caffe, verified layer by layer."""

from converters.conversion import Conversion, convert
from converters.engines import ENGINES
from converters.errors import ConversionError, ParityError, UnsupportedOpsError
from converters.files import read_conversion, write_conversion
from converters.verification import Verification, check, verify

__all__ = [
    "ENGINES",
    "Conversion",
    "ConversionError",
    "ParityError",
    "UnsupportedOpsError",
    "Verification",
    "check",
    "convert",
    "read_conversion",
    "verify",
    "write_conversion",
]
