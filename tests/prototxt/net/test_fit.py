import numpy as np
import pytest

from prototxt.common.errors import NetError
from prototxt.net.fit import fit_weights

SHAPES = {"conv1": [(4, 3, 3, 3), (4,)], "prelu": [()], "ip": [(2, 36), (2,)]}


def zeros(*shapes):
    return [np.zeros(shape, np.float32) for shape in shapes]


def test_weights_by_name_with_what_is_missing_and_extra():
    weights = {"extra": zeros((1,)), "ip": zeros((2, 36), (2,)), "conv1": zeros((4, 3, 3, 3), (4,))}
    fit = fit_weights(SHAPES, weights)
    assert list(fit.weights) == ["conv1", "ip"]
    assert (fit.missing, fit.extra) == (["prelu"], ["extra"])


def test_legacy_shapes_are_aligned_at_the_right():
    weights = {"ip": zeros((1, 1, 2, 36), (1, 1, 1, 2)), "prelu": zeros((1, 1, 1, 1))}
    fit = fit_weights(SHAPES, weights)
    assert [array.shape for array in fit.weights["ip"]] == [(2, 36), (2,)]
    assert fit.weights["prelu"][0].shape == ()


@pytest.mark.parametrize(
    ("blobs", "sentence"),
    [
        (zeros((2, 36)), r"m.caffemodel: layer 'ip' has 1 blob \(2×36\), but the net's 'ip' needs 2 blobs \(2×36, 2\)"),
        (zeros((3, 36), (3,)), r"layer 'ip' blob 0 has shape 3×36, but the net's 'ip' needs 2×36; use weights of"),
        (zeros((36, 2), (2,)), "blob 0 has shape 36×2"),
        (zeros((1, 2, 36), (2,)), "blob 0 has shape 1×2×36"),
        (zeros((2, 1, 1, 36), (2,)), "blob 0 has shape 2×1×1×36"),
        ([], "has 0 blobs, but"),
    ],
)
def test_weights_that_do_not_fit_name_layer_and_both_shapes(blobs, sentence):
    with pytest.raises(NetError, match=sentence):
        fit_weights(SHAPES, {"ip": blobs}, "m.caffemodel")


def test_shared_slope_has_no_axes():
    with pytest.raises(NetError, match=r"blob 0 has shape 1, but the net's 'prelu' needs \(\) \(one number"):
        fit_weights(SHAPES, {"prelu": zeros((1,))})
