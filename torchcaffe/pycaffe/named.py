"""Blobs, layers and arrays by name, in order: dictionaries that scripts of Python 2's time can use too."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from itertools import islice
from typing import Any, TypeVar

import numpy as np

Member = TypeVar("Member")


class _OfPython2(dict[str, Member]):
    """A dictionary whose ``keys()``, ``values()`` and ``items()`` can be indexed, as Python 2's lists could.

    It has Python 2's ``iteritems``, ``itervalues``, ``iterkeys`` and ``has_key`` as well.
    """

    def keys(self) -> _Keys:  # type: ignore[override]
        """Names, in order."""
        return _Keys(self)

    def values(self) -> _Values[Member]:  # type: ignore[override]
        """Members, in order."""
        return _Values(self)

    def items(self) -> _Items[Member]:  # type: ignore[override]
        """Names with members, in order."""
        return _Items(self)

    def iterkeys(self) -> Iterator[str]:
        """Names, in order."""
        return iter(self)

    def itervalues(self) -> Iterator[Member]:
        """Members, in order."""
        return iter(self.values())

    def iteritems(self) -> Iterator[tuple[str, Member]]:
        """Names with members, in order."""
        return iter(self.items())

    def has_key(self, name: str) -> bool:
        """Whether there is a member of this name."""
        return name in self


class Named(_OfPython2[Member], OrderedDict[str, Member]):  # type: ignore[misc]
    """What a net has, by name: pycaffe gives an ``OrderedDict``."""

    def __repr__(self) -> str:
        return f"OrderedDict({list(self.items())!r})"


class Results(_OfPython2[np.ndarray]):
    """What a pass gives, by blob: pycaffe gives a dictionary."""


class _Keys(KeysView[str]):
    def __getitem__(self, place: int | slice) -> Any:
        return _at(self, place)


class _Values(ValuesView[Member]):
    def __getitem__(self, place: int | slice) -> Any:
        return _at(self, place)


class _Items(ItemsView[str, Member]):
    def __getitem__(self, place: int | slice) -> Any:
        return _at(self, place)


def _at(view: KeysView[Any] | ValuesView[Any] | ItemsView[Any, Any], place: int | slice) -> Any:
    if isinstance(place, slice) or place < 0:
        return list(view)[place]
    for member in islice(view, place, place + 1):
        return member
    raise IndexError(f"there are {len(view)} of them; got {place}")
