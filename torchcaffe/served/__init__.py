"""The folder for ``PYTHONPATH`` that ``torchcaffe path`` prints: ``import caffe`` finds its package ``caffe``."""
