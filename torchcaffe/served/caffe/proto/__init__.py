"""``caffe.proto``: Caffe's messages."""

from . import caffe_pb2  # noqa: TID252 - by whatever name this package has

__all__ = ["caffe_pb2"]
