"""Programs of early Caffe that have become commands of ``caffe`` (tools/train_net.cpp and its like)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from prototxt.common.errors import InputError

BECAME = {
    "train_net": "torchcaffe train -solver SOLVER [-snapshot STATE]",
    "finetune_net": "torchcaffe train -solver SOLVER [-weights WEIGHTS]",
    "test_net": "torchcaffe test -model NET -weights WEIGHTS [-iterations NUMBER]",
    "net_speed_benchmark": "torchcaffe time -model NET [-iterations NUMBER]",
}


def gone(words: Sequence[str]) -> NoReturn:
    """Say what to call.

    Raises
    ------
    InputError : always.
    """
    raise InputError(f"{words[0]} is deprecated, in Caffe too; use {BECAME[words[0]]}")
