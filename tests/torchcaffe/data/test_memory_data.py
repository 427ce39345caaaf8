from __future__ import annotations

import numpy as np
import pytest

from prototxt.common.errors import NetError
from prototxt.net.build import layer as make_layer
from tests.torchcaffe.data.read_off import labels
from torchcaffe.data.memory_data import MemoryData


def test_memory_data_goes_round_its_arrays():
    fields = {"batch_size": 2, "channels": 1, "height": 2, "width": 3}
    layer = MemoryData.from_param(make_layer("MemoryData", "m", (), ["data", "label"], memory_data_param=fields))
    with pytest.raises(NetError, match="has no data yet"):
        layer()
    array = np.random.default_rng(0).normal(size=(4, 1, 2, 3)).astype(np.float32)
    with pytest.raises(NetError, match=r"a multiple of 2, 1, 2, 3.*got \(3, 1, 2, 3\) and 3 labels"):
        layer.reset(array[:3], np.arange(3))
    layer.reset(array, np.arange(4).reshape(4, 1, 1, 1))
    assert labels(layer, 3) == [0, 1, 2, 3, 0, 1]
    np.testing.assert_array_equal(layer()[0], array[2:])
