"""Caffe formats on disk and nets as graphs; knows nothing of torch."""
