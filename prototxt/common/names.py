"""What is said about a name that nobody knows."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that ``name`` may have been meant to be, whatever its case; None where none is like it."""
    spelled = {each.lower(): each for each in known}
    close = get_close_matches(name.lower(), spelled, n=1)
    return spelled[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """``did you mean 'x'?`` for the nearest known name; ``otherwise`` where none is like it."""
    close = nearest(name, known)
    return otherwise if close is None else f"did you mean {close!r}?"


def unknown_name(what: str, name: str, known: Iterable[str]) -> str:
    """Say that a name is unknown, what it may have been meant to be, and all that it could be.

    ``unknown layer type 'Relu' (did you mean 'ReLU'?); use one of AbsVal, Accuracy, …``
    """
    known = sorted(known, key=str.lower)
    hint = did_you_mean(name, known, "")
    return f"unknown {what} {name!r}{hint and f' ({hint})'}; use one of {', '.join(known)}"
