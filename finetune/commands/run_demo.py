"""``python -m finetune run demo``."""

from __future__ import annotations

from typing import Annotated

import tyro

from finetune.demo.demo import run_demo
from finetune.demo.steps import DemoSettings

NAME = "demo"
WHAT = "the whole idea on real photographs in a few minutes, into build/demo"


def run_demo_command(
    name: Annotated[str, tyro.conf.Positional], settings: Annotated[DemoSettings, tyro.conf.arg(name="")]
) -> None:
    """Run the demo: a network converted, scanned, planned, trained in two ways, and compared.

    Parameters
    ----------
    name
        demo.
    settings
        what of it can be changed.
    """
    run_demo(settings)
    print(
        f"""
Done. Look at
  {settings.out}/summary.md     what both ways of training did
  {settings.out}/deepvis.png    the window, taken without a display
and open the window itself, on a machine with a display, with
  .venv/bin/deepvis {settings.out}/alexnet.prototxt {settings.out}/crops/train.txt --scan {settings.out}/scan.h5 \
--plan {settings.out}/plan.json"""
    )
