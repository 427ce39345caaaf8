import numpy as np
import pytest

from deepvis.engines.fit import fitted
from prototxt.pixels.preprocess import Preprocessing

OWN = Preprocessing("BGR", mean=(1, 2, 3), resize="stretch", resize_to=(16, 32), crop=(12, 24))


def test_as_trained_changes_nothing():
    assert fitted(OWN, (3, 12, 24), "as trained") is OWN


@pytest.mark.parametrize("size", [(40, 40), (10, 90), (90, 10)])
@pytest.mark.parametrize("fit", ["crop", "stretch"])
def test_every_picture_fits_and_keeps_its_normalisation(size, fit):
    picture = np.full((*size, 3), 9, np.uint8)
    blob = fitted(OWN, (3, 12, 24), fit).apply(picture)
    assert blob.shape == (3, 12, 24)
    np.testing.assert_array_equal(blob, np.broadcast_to(np.array([8, 7, 6])[:, None, None], blob.shape))


def test_what_the_net_sees_of_a_picture():
    stretched, cropped = (fitted(OWN, (3, 12, 24), fit) for fit in ("stretch", "crop"))
    assert stretched.box_in_picture((0, 0, 12, 24), (48, 48)) == (0, 0, 48, 48)
    y0, x0, y1, x1 = cropped.box_in_picture((0, 0, 12, 24), (48, 48))
    assert (y1 - y0, x1 - x0) == (24, 48)
