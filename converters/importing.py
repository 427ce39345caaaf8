"""Things of the user's own modules, by ``package.module:name``."""

from __future__ import annotations

import importlib
import os
import sys
from functools import reduce
from typing import Any

from converters.errors import ConversionError


def import_named(flag: str, place: str) -> Any:
    """Import what ``package.module:name`` stands for; modules are looked for in the current folder too.

    Parameters
    ----------
    flag : option that asks for it, for errors.

    Raises
    ------
    ConversionError : if the place is written otherwise, or the import fails in any way.
    """
    module, _, name = place.partition(":")
    if not name:
        raise ConversionError(f"{flag} {place}: must be package.module:name, as in torchvision.models:alexnet")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # an installed command does not look into the folder that it is started in
    try:
        return reduce(getattr, name.split("."), importlib.import_module(module))
    except Exception as error:  # the user's code may raise anything
        said = " ".join(str(error).split())
        raise ConversionError(f"{flag} {place}: cannot be imported ({type(error).__name__}: {said})") from error
