"""What can go wrong in a conversion that its user can mend."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
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


class UnsupportedOpsError(ConversionError):
    """All operations of a model that cannot be converted, in one sentence.

    Parameters
    ----------
    problems : one entry for every operation of the graph that was refused.
    supported : names of the operations that can be converted.
    """

    def __init__(self, problems: Sequence[Problem], supported: Iterable[str]) -> None:
        places = defaultdict(list)
        for problem in problems:
            places[problem.op, problem.reason].append(problem.place or "the model's own forward")
        found = "; ".join(
            f"{op} at {', '.join(dict.fromkeys(where))}" + (f" ({reason})" if reason else "")
            for (op, reason), where in places.items()
        )
        number = f"{len(problems)} operation{'s' if len(problems) > 1 else ''}"
        super().__init__(
            f"{number} of the model cannot be converted to stock Caffe: {found}. Supported: {', '.join(supported)}"
        )
        self.problems = tuple(problems)
