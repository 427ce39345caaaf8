"""The one error that every command turns into a sentence for its user."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class InputError(Exception):
    """Something that the user gave (a file, a setting, an argument) cannot be used.

    The message is one sentence that says what is wrong and where (file:line, layer), what was found, what is allowed,
    and what to do. Every package derives its own errors from this one.
    """


class FormatError(InputError):
    """A file is missing, truncated, or not in the format that it should be in."""


class NetError(InputError):
    """A net is well-formed text but no valid net: wiring, shapes, or weights do not fit together."""


@contextmanager
def errors_as_sentences(program: str, exit_code: int = 2) -> Iterator[None]:
    """Turn an `InputError` inside the block into ``program: error: sentence`` on stderr and ``exit_code``.

    Anything else is a fault of ours and keeps its traceback.
    """
    try:
        yield
    except InputError as error:
        print(f"{program}: error: {error}", file=sys.stderr)
        raise SystemExit(exit_code) from None
