"""``caffe.draw``: Nets as drawings."""

from torchcaffe.pycaffe.draw import *  # noqa: F403 - under its old address
