"""What can go wrong between a scan and a split net, as sentences for the user."""

from __future__ import annotations

from prototxt.common.errors import InputError


class ScanError(InputError):
    """A scan file or a table made from it cannot be used."""


class PlanError(InputError):
    """A plan cannot be made, read, or applied to this net."""


class CheckError(InputError):
    """A split net does not do what its unsplit net does."""
