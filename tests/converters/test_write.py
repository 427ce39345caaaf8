"""The neutral graph as messages and blobs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from converters import ConversionError, convert


def test_weights_that_are_not_finite_are_refused_by_name() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    model[0].weight.data[0, 0] = torch.nan
    model[0].weight.data[1, 0, 0, 0] = torch.inf
    model[1].running_var[2] = torch.inf
    expected = (
        r"weights are not finite: 9 NaN and 1 infinite of 108 values in blob 0 of 0, 1 infinite of 4 values in blob 1 "
        r"of 1; take a checkpoint"
    )
    with pytest.raises(ConversionError, match=expected):
        convert(model, (1, 3, 8, 8))
