"""LSTM and RNN over whole sequences, and tables of embeddings, against PyTorch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from converters import UnsupportedOpsError, convert
from tests.converters.ops.any_form import Form, any_form
from tests.converters.ops.both_ways import (
    Case,
    Function,
    assert_both_ways,
    contract_of,
    make_case,
)

STEPS_FIRST, BATCH_FIRST = (5, 3, 4), (3, 5, 4)


class Reader(nn.Module):
    """A recurrent layer, and what is read of it: all steps, the last step, or the last states."""

    def __init__(self, layer: nn.RNNBase, read: str = "all") -> None:
        super().__init__()
        self.layer = layer
        self.read = read

    def forward(self, x: Tensor) -> Tensor:
        steps, states = self.layer(x)
        if self.read == "last":
            return steps[:, -1] if self.layer.batch_first else steps[-1] * 1
        if self.read == "states":
            last = states[0] if isinstance(states, tuple) else states
            return torch.cat([last[0], last[-1]], 1)
        return steps


LAYERS = {
    "lstm": (Reader(nn.LSTM(4, 3)), STEPS_FIRST),
    "lstm, batch first": (Reader(nn.LSTM(4, 3, batch_first=True)), BATCH_FIRST),
    "lstm, last step": (Reader(nn.LSTM(4, 3, batch_first=True), "last"), BATCH_FIRST),
    "lstm, states of two layers in both directions": (
        Reader(nn.LSTM(4, 3, 2, batch_first=True, bidirectional=True), "states"),
        BATCH_FIRST,
    ),
    "lstm, two layers in both directions": (Reader(nn.LSTM(4, 3, 2, dropout=0.5, bidirectional=True)), STEPS_FIRST),
    "lstm, many steps": (Reader(nn.LSTM(4, 3, batch_first=True, bidirectional=True, bias=False)), (2, 12, 4)),
    "rnn": (Reader(nn.RNN(4, 3)), STEPS_FIRST),
    "rnn, both directions, last step": (
        Reader(nn.RNN(4, 3, batch_first=True, bidirectional=True), "last"),
        BATCH_FIRST,
    ),
}


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    torch.manual_seed(1)
    return {name: make_case(model, shape) for name, (model, shape) in LAYERS.items()}


test_in_torchcaffe, test_in_real_caffe, test_all_is_covered = contract_of("recurrent", 2e-6)


def test_the_batch_stays_free(cases: dict[str, Case], tmp_path) -> None:
    names = ("lstm, last step", "lstm, states of two layers in both directions")
    assert_both_ways({name: cases[name].at((7, 5, 4)) for name in names}, tmp_path, 2e-6)
    assert_both_ways({"many steps": cases["lstm, many steps"].at((5, 12, 4))}, tmp_path, 2e-6)


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize(
    ("model", "shape", "reason"),
    [
        (Reader(nn.GRU(4, 3)), STEPS_FIRST, "but no GRU"),
        (Reader(nn.RNN(4, 3, nonlinearity="relu")), STEPS_FIRST, "knows tanh alone"),
        (Reader(nn.LSTM(4, 3, proj_size=2)), STEPS_FIRST, "proj_size"),
        (Function(lambda x: nn.LSTM(4, 3)(x)[1][1] * 1), STEPS_FIRST, "last states of its cells"),
    ],
)
def test_what_is_refused(model: nn.Module, shape: tuple[int, ...], reason: str) -> None:
    with pytest.raises(UnsupportedOpsError, match=reason):
        convert(model, shape)


@st.composite
def layers(draw: st.DrawFn) -> Form:
    inside, hidden, steps = (draw(st.integers(1, 4)) for _ in range(3))
    kind = draw(st.sampled_from([nn.LSTM, nn.RNN]))
    both, depth, bias = draw(st.booleans()), draw(st.integers(1, 2)), draw(st.booleans())
    layer = kind(inside, hidden, depth, bias=bias, batch_first=True, bidirectional=both)
    read = draw(st.sampled_from(["all", "last"]))
    return Form(f"{layer}, read {read}", Reader(layer, read), (2, steps, inside))


test_any_form = any_form(layers())
