"""Tables of rows that whole numbers choose, against PyTorch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from converters import convert
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
