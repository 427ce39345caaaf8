"""What can be wrong with what a user of the toolbox gives; every message is one sentence."""

from __future__ import annotations

from prototxt.common.errors import ImageError as ImageError
from prototxt.common.errors import InputError


class ModelError(InputError):
    """What was given as a model is none, or its parts do not fit together."""


class ExportError(InputError):
    """What a scan found cannot be written in the form or to the place that was asked for."""


class SettingsError(InputError):
    """A settings file names something that does not exist, or gives a value that is not allowed."""
