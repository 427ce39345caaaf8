"""Tables of rows that whole numbers choose, against PyTorch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from converters import convert
from tests.converters.ops.both_ways import FEW_AND_MANY, for_any
from tests.converters.parity import assert_parity, assert_parity_in


class Reader(nn.Module):
    """The mean of the rows of some numbers, and scores of it."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(20, 6, padding_idx=0)
        self.scores = nn.Linear(6, 3)

    def forward(self, words: Tensor) -> Tensor:
        return self.scores(self.words(words.long()).mean(1))


@pytest.mark.caffe
def test_embedding(tmp_path) -> None:
    torch.manual_seed(2)
    model = Reader()
    conversion = convert(model, (2, 7), softmax=False)
    assert conversion.net.layer[1].type == "Embed"
    assert list(conversion.net.layer[1].propagate_down) == [False]
    assert_parity(model, conversion)
    assert_parity_in("caffe", {"embedding": conversion}, tmp_path)


class Rows(nn.Module):
    """The rows of a table for any array of whole numbers."""

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(count, width)

    def forward(self, words: Tensor) -> Tensor:
        return self.table(words.long()) * 1.5


@FEW_AND_MANY
def test_any_table(examples: int) -> None:
    def check(drawn: tuple[int, int, list[int]]) -> None:
        count, width, extents = drawn
        model = Rows(count, width)
        assert_parity(model, convert(model, (2, *extents), softmax=False))

    extents = st.lists(st.integers(1, 5), min_size=1, max_size=3)
    for_any(st.tuples(st.integers(2, 30), st.integers(1, 6), extents), check, examples)
