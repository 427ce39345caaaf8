"""What is said of an ONNX model that cannot be converted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from converters.errors import ConversionError, Problem

_SHOWN = 3


class UnsupportedNodesError(ConversionError):
    """All nodes of an ONNX model that cannot be converted, in one sentence, grouped by what is wrong.

    Parameters
    ----------
    path : of the file.
    problems : operator, node and reason of each.
    """

    def __init__(self, path: str, problems: Sequence[Problem]) -> None:
        places = defaultdict(list)
        for problem in problems:
            places[problem.op, problem.reason].append(repr(problem.place))
        found = "; ".join(f"{op} at {_first(where)}: {reason}" for (op, reason), where in places.items())
        number = f"{len(problems)} node{'s' if len(problems) > 1 else ''}"
        super().__init__(f"{path}: {number} cannot be converted: {found}")
        self.problems = tuple(problems)


def _first(places: Sequence[str]) -> str:
    more = len(places) - _SHOWN
    return ", ".join(places[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
