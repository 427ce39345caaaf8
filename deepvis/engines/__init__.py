"""Passes of one picture through a net, forward and backward: in torchcaffe, or in real Caffe's own process."""
