"""What ``import caffe`` gives: nets, solvers, their files and pictures under pycaffe's names, one idea a file."""

__version__ = "1.0.0"
"""The version of Caffe whose interface this is."""
