"""The one error that every command turns into a sentence for its user, and what a command says after Ctrl-C."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended, as shells have it."""


class InputError(RuntimeError):
    """Something that the user gave (a file, a setting, an argument) cannot be used.

    The message is one sentence that says what is wrong and where (file:line, layer), what was found, what is allowed,
    and what to do. Every package derives its own errors from this one. It is a ``RuntimeError``, because that is what
    pycaffe raises, and what scripts written for it catch.
    """


class FormatError(InputError):
    """A file is missing, truncated, or not in the format that it should be in."""


class ImageError(InputError):
    """A picture, a folder of pictures or an image list cannot be used."""


class NetError(InputError):
    """A net is well-formed text but no valid net: wiring, shapes, or weights do not fit together."""


class CaffeError(InputError):
    """Real Caffe is not there, cannot be started, or gave up."""


@contextmanager
def errors_as_sentences(program: str, exit_code: int = 2) -> Iterator[None]:
    """Turn an `InputError` inside the block into ``program: error: sentence`` on stderr and ``exit_code``.

    Ctrl-C becomes a line too, and exit code `INTERRUPTED`. Anything else is a fault of ours and keeps its traceback.

    Raises
    ------
    SystemExit : in both cases.
    """
    try:
        yield
    except InputError as error:
        print(f"{program}: error: {error}", file=sys.stderr)
        raise SystemExit(exit_code) from None
    except KeyboardInterrupt:
        print(f"{program}: stopped; what was not finished was not written", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
