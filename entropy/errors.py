"""What can go wrong from a scan to a split net, as sentences for the user."""

from __future__ import annotations

from prototxt.common.errors import InputError


class ScanError(InputError):
    """A scan cannot be made; or a file is no scan, not one of this model, or no table that was made from one."""


class PlanError(InputError):
    """A plan cannot be made, read, or applied to this net."""


class SurgeryError(InputError):
    """A net cannot get another task in the way that was asked for."""


class CheckError(InputError):
    """A split net does not do what its unsplit net does."""
