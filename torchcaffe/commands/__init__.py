"""Caffe's command line: one file per command."""
