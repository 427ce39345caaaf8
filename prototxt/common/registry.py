"""Tables that fill themselves: one file for each member, every file of the folder is imported."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from pkgutil import iter_modules
from typing import Generic, TypeVar

Member = TypeVar("Member")
Wrapped = TypeVar("Wrapped", bound=Callable)


class Registry(dict[str, Member], Generic[Member]):
    """Members by name.

    Parameters
    ----------
    what : what a member is, for messages.
    """

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what

    def add(self, name: str, member: Member) -> None:
        """Enter a member; ValueError if the name is taken."""
        if name in self:
            raise ValueError(f"there are two {self.what}s called {name!r}")
        self[name] = member


def import_all(package: str, path: Iterable[str]) -> None:
    """Import every module of a package, so that its members enter their registry.

    Parameters
    ----------
    package, path : the package's ``__name__`` and ``__path__``.
    """
    for file in iter_modules(path):
        import_module(f"{package}.{file.name}")
