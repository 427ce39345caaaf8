"""Reference nets as their papers and reference files describe them, with fillers, in deploy form (an Input layer)."""

from __future__ import annotations

from prototxt.common.registry import import_all
from prototxt.formats.schema import NetParameter
from prototxt.templates.registry import TEMPLATES

__all__ = ["TEMPLATES", "read_template"]


def read_template(name: str) -> NetParameter:
    """Return the reference net called ``name``: a new message that may be changed freely.

    Raises
    ------
    NetError : if there is none; the sentence lists `TEMPLATES`.
    """
    return TEMPLATES.find(name)()


import_all(__name__, __path__)
