"""An exception in a user's Python layer reaches a script as it was raised, as in pycaffe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torchcaffe.layers.python import UserCodeError


@contextmanager
def users_errors() -> Iterator[None]:
    """Raise what the user's code raised; the sentence about it (layer, method, file and line) becomes its note.

    Commands do without, and end with the sentence. Also a decorator.
    """
    try:
        yield
        return
    except UserCodeError as error:
        raised, sentence = error.raised, str(error)
    raised.add_note(sentence)
    raise raised
