"""Errors of the experiments that the user can mend."""

from prototxt.common.errors import InputError


class ExperimentError(InputError):
    """An experiment cannot be set up from what was given, or a step of it failed."""


class DivergedError(ExperimentError):
    """The loss of a training became infinite or no number; other settings may train."""
