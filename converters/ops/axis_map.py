"""A fixed linear map along one axis: what resizing, picking and turning round come down to."""

from __future__ import annotations

import numpy as np

from converters.call import Call
from converters.errors import RefusedError
from converters.layer_spec import Blob


def map_axis(call: Call, blob: Blob, axis: int, matrix: np.ndarray, part: str = "mapped") -> Blob:
    """Append the layer that replaces every line of values along ``axis`` by ``matrix @ line``.

    A 1x1 Convolution whose channels are that axis, or, along the last axis, an InnerProduct: the other axes stay free.
    Where a row of the matrix picks one value the result is that value, bit for bit.

    Parameters
    ----------
    axis : from 1 on; no layer mixes the pictures of a batch.
    matrix : (new extent, old extent).
    """
    if axis == 0:
        raise RefusedError("along the batch, whose pictures Caffe's layers keep apart")
    shape = (*blob.shape[:axis], len(matrix), *blob.shape[axis + 1 :])
    behind = len(shape) - axis - 1
    where = {} if axis == 1 else {"axis": axis}
    param = {"num_output": len(matrix), "bias_term": False, **where}
    if not behind:
        return call.step("InnerProduct", blob, part, shape, [matrix], inner_product_param=param)
    weight = matrix.reshape(*matrix.shape, *(1,) * behind)
    return call.step("Convolution", blob, part, shape, [weight], convolution_param={**param, "kernel_size": 1})


def picking(indices: list[int], extent: int) -> np.ndarray:
    """(len(indices), extent) matrix that picks one value of a line per row."""
    matrix = np.zeros((len(indices), extent))
    matrix[np.arange(len(indices)), indices] = 1
    return matrix
