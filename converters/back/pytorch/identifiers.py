"""Names of Python for layers and blobs."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable

from torch import nn

from converters.back.pytorch.helpers import HELPERS

RESERVED = frozenset(
    {*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "torch", "nn", "F", "Path", "load", "load_file", *HELPERS}
)
ATTRIBUTES = frozenset(dir(nn.Module()))


class Identifiers:
    """Gives each thing a name of its own.

    Parameters
    ----------
    reserved : names that nothing may get, beside those of Python.
    """

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._taken = set(RESERVED) | set(reserved)

    def unique(self, name: str, kind: str) -> str:
        """A valid name as near to ``name`` as possible; ``kind`` stands before it where it begins with a digit."""
        free = wanted = identifier(name, kind)
        number = 1
        while free in self._taken:
            number += 1
            free = f"{wanted}_{number}"
        self._taken.add(free)
        return free


def identifier(name: str, kind: str) -> str:
    """``conv1/7x7_s2`` as ``conv1_7x7_s2``, ``0`` as ``layer_0``; what Python means otherwise gets a ``_``."""
    plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or kind
    plain = f"{kind}_{plain}" if plain[0].isdigit() else plain
    return f"{plain}_" if plain in RESERVED or plain == "self" else plain


def class_name(name: str) -> str:
    """``squeezenet_v1.1`` as ``SqueezenetV1_1``."""
    words = re.sub(r"(?<=\d)\W(?=\d)", "_", name)
    camel = "".join(word[:1].upper() + word[1:] for word in re.split(r"(?:\W|_(?!\d))+", words, flags=re.ASCII))
    camel = re.sub(r"\W", "", camel, flags=re.ASCII)
    return camel if camel[:1].isalpha() else f"Net{camel}"
