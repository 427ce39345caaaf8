"""Caffe to PyTorch and ONNX: every layer is described once (`layers`), and each program says it its own way."""
