"""What a layer makes of ones: dividing by it mends the borders of a map, at every size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from converters.call import Call
from converters.layer_spec import Blob
from converters.ops.concat import tile


def divide_by_that_of_ones(call: Call, blob: Blob, weigh: Callable[[Blob], Blob]) -> Blob:
    """Append ``weigh(blob) / weigh(ones)``.

    Parameters
    ----------
    weigh : appends a linear layer that treats all channels alike; it is called again for one channel of ones.
    """
    weighed = weigh(blob)
    ones = call.step(
        "Convolution",
        blob,
        "ones",
        (blob.shape[0], 1, *blob.shape[2:]),
        [np.zeros((1, blob.shape[1], *(1,) * (len(blob.shape) - 2))), np.ones(1)],
        propagates=False,
        convolution_param={"num_output": 1, "kernel_size": 1},
    )
    weights = weigh(ones)
    inverse = call.step("Power", weights, "inverse", weights.shape, power_param={"power": -1.0})
    if blob.shape[1] > 1:
        inverse = tile(call, inverse, 1, blob.shape[1])
    return call.step("Eltwise", (weighed, inverse), "quotient", weighed.shape, eltwise_param={"operation": "PROD"})
