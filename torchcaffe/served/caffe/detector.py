"""``caffe.detector``: Scores of windows in pictures."""

from torchcaffe.pycaffe.detector import *  # noqa: F403 - under its old address
