"""``caffe.coord_map``: Where a place in one blob lies in another."""

from torchcaffe.pycaffe.coord_map import *  # noqa: F403 - under its old address
