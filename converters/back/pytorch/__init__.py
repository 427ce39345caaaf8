"""Caffe nets as PyTorch modules that a person could have written."""
