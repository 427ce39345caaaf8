"""``caffe.layer_type_list``."""

from __future__ import annotations

import torchcaffe.data
import torchcaffe.layers  # noqa: F401 - registers the layers, as torchcaffe.data does
from torchcaffe.registry import LAYERS


def layer_type_list() -> list[str]:
    """Types of all layers that can be run, sorted."""
    return sorted(LAYERS)
