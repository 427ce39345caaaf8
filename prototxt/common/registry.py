"""Tables that fill themselves: members enter where they are defined, and every file of a folder is imported."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Generic, TypeVar

from prototxt.common.errors import InputError
from prototxt.common.names import unknown_name

Member = TypeVar("Member")
Decorated = TypeVar("Decorated")


class Registry(dict[str, Member], Generic[Member]):
    """Members by name; a dictionary, and as fast.

    Parameters
    ----------
    what : what a member is, for messages.
    error : what `find` raises.
    """

    def __init__(self, what: str, error: type[InputError] = InputError) -> None:
        super().__init__()
        self.what = what
        self.error = error

    def add(self, name: str, member: Member) -> None:
        """Enter a member; ValueError if the name is taken."""
        if name in self:
            raise ValueError(f"{self.what} {name!r} is registered twice: {self[name]} and {member}")
        self[name] = member

    def register(
        self, *names: str, make: Callable[[Any], Member] = lambda decorated: decorated
    ) -> Callable[[Decorated], Decorated]:
        """Decorate a function or class: it enters under every name.

        Parameters
        ----------
        make : makes the member of what is decorated; by default it is the member.

        Raises
        ------
        ValueError : if a name is taken.
        """

        def enter(decorated: Decorated) -> Decorated:
            for name in names:
                self.add(name, make(decorated))
            return decorated

        return enter

    def find(self, name: str, place: str = "") -> Member:
        """The member that a user named; ``place`` is where the name stands, such as ``layer 'conv1'``.

        Raises
        ------
        The registry's error : there is no such member; the sentence says which one may be meant, and lists them all.
        """
        try:
            return self[name]
        except KeyError:
            unknown = unknown_name(self.what, name, self)
            raise self.error(f"{place}: {unknown}" if place else unknown) from None


def import_all(package: str, path: Iterable[str], leave_out: Collection[str] = ()) -> None:
    """Import every module of a package, so that its members enter their registry.

    Parameters
    ----------
    package, path : the package's ``__name__`` and ``__path__``.
    leave_out : modules that are not for this Python, such as one that another program runs.
    """
    for file in iter_modules(path):
        if file.name not in leave_out:
            import_module(f"{package}.{file.name}")
