"""``caffe.proto.caffe_pb2``: every message of caffe.proto as a protobuf class, and those of known forks."""

from prototxt.formats.schema import *  # noqa: F403 - all of them, under their old address
