"""The K best entries of every unit, against sorting everything in Python."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor

from deepvis.scan.top_images import EMPTY, TopImages, pack, unpack

FLOATS = st.floats(width=32, allow_nan=False) | st.sampled_from([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf])


@given(st.lists(st.tuples(FLOATS, st.integers(0, 2**31 - 1)), min_size=1))
def test_keys_sort_by_value_then_image(entries: list[tuple[float, int]]) -> None:
    values, images = zip(*entries, strict=True)
    keys = pack(torch.tensor(values, dtype=torch.float32), torch.tensor(images)).numpy()
    by_key = [entries[i] for i in np.argsort(-keys, kind="stable")]
    assert by_key == sorted(entries, key=lambda entry: (-entry[0], entry[1]))
    back_values, back_images = unpack(keys)
    np.testing.assert_array_equal(back_values, np.array(values, np.float32))  # 0 == -0
    np.testing.assert_array_equal(back_images, images)
    assert (keys != EMPTY).all()


def test_empty_places() -> None:
    values, images = unpack(np.array([EMPTY]))
    assert np.isnan(values).all()
    assert images.tolist() == [-1]


TABLES = st.integers(1, 20).flatmap(
    lambda count: arrays(np.float32, (count, 3), elements=st.integers(-3, 3).map(float))
)


@settings(deadline=None)
@given(table=TABLES, top=st.integers(1, 6), data=st.data())
def test_any_batches_in_any_order_give_the_best(table: np.ndarray, top: int, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(table))))
    size = data.draw(st.integers(1, len(table)))
    best = TopImages(3, top, torch.device("cpu"))
    for start in range(0, len(order), size):
        rows = torch.tensor(order[start : start + size])

        def locate(units: Tensor, places: Tensor, rows: Tensor = rows) -> Tensor:
            assert units.tolist() == sorted(units.tolist())
            return 100 * rows[places] + units  # a position that names image and unit

        best.update(torch.from_numpy(table)[rows], rows, locate)
    values, images = unpack(best.keys.numpy())
    for unit in range(3):
        wanted = sorted(range(len(table)), key=lambda image: (-table[image, unit], image))[:top]
        filled = images[unit] >= 0
        assert images[unit][filled].tolist() == wanted
        assert values[unit][filled].tolist() == table[wanted, unit].tolist()
        assert best.positions[unit][torch.from_numpy(filled)].tolist() == [100 * image + unit for image in wanted]
