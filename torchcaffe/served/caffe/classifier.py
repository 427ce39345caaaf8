"""``caffe.classifier``: Class probabilities of pictures."""

from torchcaffe.pycaffe.classifier import *  # noqa: F403 - under its old address
