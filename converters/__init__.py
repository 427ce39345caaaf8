"""PyTorch to Caffe, verified layer by layer."""
