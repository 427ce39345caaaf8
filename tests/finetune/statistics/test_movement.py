import numpy as np

from finetune.statistics.movement import movements, output_change


def test_movements_counts_bits_not_values():
    before = {"conv": [np.ones((4, 2, 1, 1), np.float32), np.zeros(4, np.float32)]}
    after = {"conv": [before["conv"][0].copy(), before["conv"][1].copy()]}
    after["conv"][0][2] += 0.5
    after["conv"][1][0] = -0.0  # equal in value, not in bits
    (moved,) = movements(before, after, {"conv": np.array([0.0, 0.0, 1.0, 0.25])})
    assert (moved.frozen, moved.frozen_changed, moved.free, moved.free_moved) == (2, 1, 2, 1)
    assert moved.relative_change == np.sqrt(2 * 0.25) / np.sqrt(8)


def test_output_change_of_equal_and_of_opposite_outputs():
    one = np.array([[1.0, 0.0], [0.25, 0.75]], np.float32)
    assert output_change(one, one) == output_change(one, one.copy())
    assert output_change(one, one).total_variation == 0
    assert output_change(one, one).kept_top1 == 1
    flipped = output_change(one, one[:, ::-1])
    assert flipped.total_variation == 0.75
    assert flipped.kept_top1 == 0
