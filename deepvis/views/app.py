"""Open the window, or draw that very window into a file without a display."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepvis.settings import Settings


def run(settings: Settings) -> int:
    """Open the window and stay until it is closed.

    Parameters
    ----------
    settings : what to open (model, images, scan, plan) and how it looks at the start.

    Returns
    -------
    Exit code of the program.

    Raises
    ------
    InputError : if the model or the pictures cannot be opened, or there is no display.
    """
    raise NotImplementedError


def snapshot(settings: Settings, out: Path | str, wishes: Mapping[str, Any] | None = None) -> None:
    """Draw the window of `run` into a picture, after all of its workers are done, without a display.

    Parameters
    ----------
    settings : as in `run`; ``window_size`` is the size of the picture.
    out : ``.png`` (or another format that Qt writes), written whole.
    wishes : fields of `deepvis.models.viewer.ViewerModel` over the settings, such as ``{"picture": 3, "zoom": "unit"}``.

    Raises
    ------
    InputError : as in `run`; also if something that the picture should show has failed.
    """
    raise NotImplementedError
