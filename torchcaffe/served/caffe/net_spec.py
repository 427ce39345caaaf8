"""``caffe.net_spec``: Nets written as Python."""

from torchcaffe.pycaffe.net_spec import *  # noqa: F403 - under its old address
