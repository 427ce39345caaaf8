"""Runs Caffe nets, solvers and pycaffe scripts on PyTorch."""
