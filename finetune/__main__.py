"""``python -m finetune run|report|list``: experiments that show how much less a network forgets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import tyro

from finetune.demo import DemoSettings, run_demo
from finetune.errors import ExperimentError
from finetune.study import write_report
from prototxt.common.errors import errors_as_sentences
from prototxt.common.names import unknown_name

EXPERIMENTS = {"demo": "the whole idea on real photographs in a few minutes, into build/demo"}


def run_experiment(
    name: Annotated[str, tyro.conf.Positional], settings: Annotated[DemoSettings, tyro.conf.arg(name="")]
) -> None:
    """Run an experiment.

    Parameters
    ----------
    name
        which one; `list` names them all.
    settings
        what of it can be changed.
    """
    if name not in EXPERIMENTS:
        raise ExperimentError(unknown_name("experiment", name, EXPERIMENTS))
    run_demo(settings)
    _say_what_to_look_at(settings.out)


def report(folder: Annotated[Path, tyro.conf.Positional] = Path("build/demo")) -> None:
    """Write the report of an experiment again from what lies in its folder.

    Parameters
    ----------
    folder
        where the experiment was run.
    """
    write_report(folder)


def list_experiments() -> None:
    """Say which experiments there are."""
    for name, what in EXPERIMENTS.items():
        print(f"{name:8} {what}")


COMMANDS: dict[str, Any] = {"run": run_experiment, "report": report, "list": list_experiments}


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; bad input ends it with a sentence and exit code 2."""
    with errors_as_sentences("finetune"):
        tyro.extras.subcommand_cli_from_dict(COMMANDS, prog="python -m finetune", args=arguments)


def _say_what_to_look_at(out: Path) -> None:
    print(
        f"""
Done. Look at
  {out}/summary.md     what both ways of training did
  {out}/deepvis.png    the window, taken without a display
and open the window itself, on a machine with a display, with
  .venv/bin/deepvis {out}/alexnet.prototxt {out}/crops/train.txt --scan {out}/scan.h5 --plan {out}/plan.json"""
    )


if __name__ == "__main__":
    main()
