"""The files of Caffe: reading, writing and upgrading them."""
