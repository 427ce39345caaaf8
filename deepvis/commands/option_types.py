"""Types of options that may be left out, and how the help shows them; what several commands have, with its words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

Place = Annotated[Path | None, tyro.conf.arg(metavar="PATH", help_behavior_hint="")]
ModelPlace = Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="[MODEL]", help_behavior_hint="")]
Number = Annotated[int | None, tyro.conf.arg(metavar="N", help_behavior_hint="")]
Factor = Annotated[float | None, tyro.conf.arg(metavar="X", help_behavior_hint="")]
Text = Annotated[str | None, tyro.conf.arg(metavar="TEXT", help_behavior_hint="")]
Switch = Annotated[bool, tyro.conf.FlagCreatePairsOff]

ModelName = Annotated[
    str | None,
    tyro.conf.Positional,
    tyro.conf.arg(
        metavar="[MODEL]",
        help_behavior_hint="",
        help="folder of a conversion, conversion.json, prototxt, caffemodel, PyTorch weights (--arch), scan.h5, a deepvis://\n"
        "link, or the name of a preset, of a bundled model, or of a network of torchvision.",
    ),
]
ImagesPlace = Annotated[
    Path | None,
    tyro.conf.Positional,
    tyro.conf.arg(
        metavar="[IMAGES]",
        help_behavior_hint="",
        help="folder, image list, list of pairs, LMDB, video, picture, or array.",
    ),
]
WeightsPlace = Annotated[Place, tyro.conf.arg(help="caffemodel, if it is not beside the prototxt under the same name.")]
SettingsPlace = Annotated[Place, tyro.conf.arg(help="settings file; settings_local.py of this folder if there is one.")]
Workers = Annotated[Number, tyro.conf.arg(help="decoding threads.")]
Device = Annotated[Text, tyro.conf.arg(help="auto, cpu, mps, cuda, or cuda:N.")]
