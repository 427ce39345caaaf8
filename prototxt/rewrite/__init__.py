"""Nets written otherwise that compute the same: with other names, with fewer layers."""

from prototxt.rewrite.fold import fold
from prototxt.rewrite.names import caffe_names, rename_layers, valid_names
from prototxt.rewrite.rewritten import Rewritten
from prototxt.rewrite.shorten import shorten

__all__ = ["Rewritten", "caffe_names", "fold", "rename_layers", "shorten", "valid_names"]
