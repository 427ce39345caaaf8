"""Types of options that may be left out, and how the help shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

Place = Annotated[Path | None, tyro.conf.arg(metavar="PATH", help_behavior_hint="")]
ModelPlace = Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="[MODEL]", help_behavior_hint="")]
ModelName = Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="[MODEL]", help_behavior_hint="")]
ImagesPlace = Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="[IMAGES]", help_behavior_hint="")]
Number = Annotated[int | None, tyro.conf.arg(metavar="N", help_behavior_hint="")]
Factor = Annotated[float | None, tyro.conf.arg(metavar="X", help_behavior_hint="")]
Text = Annotated[str | None, tyro.conf.arg(metavar="TEXT", help_behavior_hint="")]
Switch = Annotated[bool, tyro.conf.FlagCreatePairsOff]
