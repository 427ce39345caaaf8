"""A bit for every image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.errors import ExperimentError
from finetune.evaluation.right_answers import read_right, write_right
from finetune.evaluation.scores import Scores


@given(st.lists(st.booleans(), max_size=30))
def test_bits_come_back(tmp_path_factory, right):
    path = tmp_path_factory.mktemp("bits") / "right.json"
    labels = np.array(right, np.int64)
    scores = Scores(np.tile(np.array([0.0, 1.0], np.float32), (len(right), 1)), labels)
    write_right(path, {"target": scores})
    assert read_right(path)["target"].tolist() == right


@pytest.mark.parametrize(
    "text", ["", "[]", '{"a": 1}', '{"a": {"images": 9, "right": "AA=="}}', '{"a": {"images": 1, "right": "é"}}']
)
def test_a_damaged_file_is_refused(text, tmp_path):
    (tmp_path / "right.json").write_text(text)
    with pytest.raises(ExperimentError, match=r"right\.json: cannot be read"):
        read_right(tmp_path / "right.json")
