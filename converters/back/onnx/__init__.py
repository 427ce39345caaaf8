"""Caffe nets as ONNX models."""
