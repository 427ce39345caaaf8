"""One file per family of layers; importing this package registers them all.

In a script with ``import torchcaffe as caffe`` it is pycaffe's ``caffe.layers`` as well: see `__getattr__`.
"""

from collections.abc import Callable
from typing import Any

from prototxt.common.registry import import_all
from torchcaffe.pycaffe.net_spec import layer_function

import_all(__name__, __path__)


def __getattr__(name: str) -> Callable[..., Any]:
    """``layers.Convolution(bottom, num_output=20)``: layer types begin with capitals, files here do not."""
    if not name[:1].isupper():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return layer_function(name)
