"""``caffe.io``: pictures, messages, and the way from pictures to a net's input."""

from torchcaffe.pycaffe.io import *  # noqa: F403 - under its old address

from .proto import caffe_pb2 as caffe_pb2  # noqa: TID252 - scripts look for it here
