"""A reader of sentences: words as numbers, an LSTM in both directions, scores.

convert_pytorch_to_caffe --module examples.nets.text_reader:make --random-weights --input-shape 1,20 --out build/text
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TextReader(nn.Module):
    """Scores of a sentence from the last states of both directions.

    Parameters
    ----------
    words : in the vocabulary.
    classes : of sentences.
    """

    def __init__(self, words: int = 100, classes: int = 3) -> None:
        super().__init__()
        self.words = nn.Embedding(words, 16, padding_idx=0)
        self.reader = nn.LSTM(16, 12, num_layers=2, dropout=0.2, batch_first=True, bidirectional=True)
        self.scores = nn.Linear(24, classes)

    def forward(self, sentences: Tensor) -> Tensor:
        """Scores (N, classes) of sentences (N, steps), whole numbers below ``words``."""
        _, (states, _) = self.reader(self.words(sentences))
        return self.scores(torch.cat([states[-2], states[-1]], 1))


def make() -> nn.Module:
    """The net for the converter."""
    return TextReader()
