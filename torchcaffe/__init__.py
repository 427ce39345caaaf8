"""Runs Caffe nets, solvers and pycaffe scripts on PyTorch.

``torchcaffe.install()`` lets ``import caffe`` give it. Pycaffe's names are here too: ``import torchcaffe as caffe``.
Those that ``__init__.pyi`` lists are this package's interface; each is imported when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
