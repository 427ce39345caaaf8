"""Any two programs that should compute the same, compared value by value: PyTorch models and Caffe nets."""

from converters.pairs.compare import Comparison, compare
from converters.pairs.opening import open_program
from converters.pairs.program import Program

__all__ = ["Comparison", "Program", "compare", "open_program"]
