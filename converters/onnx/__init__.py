"""ONNX models: read into PyTorch modules, and so converted like any PyTorch model."""

from converters.onnx.convert import convert_onnx

__all__ = ["convert_onnx"]
