"""What can go wrong in a conversion that its user can mend."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from prototxt.common.errors import InputError


class ConversionError(InputError):
    """A model, its weights or an argument cannot be converted."""


class ParityError(InputError):
    """The Caffe net was made, but an engine computes something else with it than PyTorch does."""


class RefusedError(Exception):
    """Raised by an op file: this operation is known, but not in this form. The message says which form and why."""


@dataclass(frozen=True)
class Problem:
    """An operation that has no Caffe counterpart, with its place in the model."""

    op: str
    place: str
    reason: str = ""


MOST_KINDS, MOST_PLACES = 12, 3
"""How many kinds of operations, and places of each, an error names; of the rest it tells the number."""

_TWO_VALUES = "stock Caffe multiplies no two matrices that both depend on the input: attention has no counterpart"
_ORDER = "stock Caffe has no layer that sorts or picks by value; end the net before it and do it in your own code"
_FREQUENCIES = "stock Caffe has no complex numbers; end the net before it and do it in your own code"

WAYS_OUT: dict[str, str] = {
    **dict.fromkeys(("matmul", "bmm", "baddbmm", "mm", "einsum", "scaled_dot_product_attention"), _TWO_VALUES),
    **dict.fromkeys(("sort", "topk", "argsort", "index", "gather", "scatter", "nonzero", "masked_select"), _ORDER),
    **dict.fromkeys(("fft_fft2", "fft_rfft2", "fft_rfft", "stft", "_fft_r2c", "_fft_c2c"), _FREQUENCIES),
    **dict.fromkeys(("gru", "gru_cell"), "stock Caffe has LSTM and RNN layers, but no GRU"),
    "rnn_relu": "stock Caffe's RNN knows tanh alone",
    **dict.fromkeys(
        ("max_unpool2d", "max_unpool3d"),
        "stock Caffe does not undo a pooling by its indices; a transposed convolution or nearest growth it can",
    ),
    **dict.fromkeys(
        ("rand", "randn", "rand_like", "randn_like", "bernoulli"), "the net must compute the same every time"
    ),
    **dict.fromkeys(("sin", "cos", "tan", "floor", "round", "ceil"), "no layer of stock Caffe computes it"),
    **dict.fromkeys(("cond", "while_loop"), "a Caffe net has no branches; give the one that is meant"),
}
"""By name of an operation that stock Caffe has no way to express: why, and what else can be done."""


class UnsupportedOpsError(ConversionError):
    """All operations of a model that cannot be converted, in one sentence: by kind, how many, where, and what to do.

    Parameters
    ----------
    problems : one entry for every operation of the graph that was refused.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        kinds: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for problem in problems:
            kinds[problem.op, problem.reason].append(problem.place or "the model's own forward")
        found = [_kind(op, reason, places) for (op, reason), places in list(kinds.items())[:MOST_KINDS]]
        if len(kinds) > MOST_KINDS:
            found.append(f"and {len(kinds) - MOST_KINDS} more kinds")
        number = f"{len(problems)} operation{'s' if len(problems) > 1 else ''}"
        super().__init__(
            f"{number} of the model cannot be converted to stock Caffe: {'; '.join(found)}. What can be is listed in "
            "docs/converter-operations.md"
        )
        self.problems = tuple(problems)


def _kind(op: str, reason: str, places: Sequence[str]) -> str:
    """One kind of operation, where it was met first, and why it was refused."""
    where = list(dict.fromkeys(places))
    more = f" and {len(where) - MOST_PLACES} more" if len(where) > MOST_PLACES else ""
    times = f" {len(places)} times" if len(places) > len(where) else ""
    short = op.removeprefix("aten.").split(".")[0]
    why = reason or WAYS_OUT.get(short, "")
    return f"{op}{times} at {', '.join(where[:MOST_PLACES])}{more}" + (f" ({why})" if why else "")
