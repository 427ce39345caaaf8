"""Caffe's flags, in both of gflags' spellings (``-solver x`` and ``--solver=x``), before or after the command."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from prototxt.common.errors import InputError, NetError
from torchcaffe.solver import Action

COMMANDS = {
    "train": "train or finetune a model",
    "test": "score a model",
    "time": "benchmark model execution time",
}
PROGRAMS = {
    "run": "run a script whose import caffe gives torchcaffe: torchcaffe run script.py arguments",
    "path": "print the folder for PYTHONPATH that does the same for any program",
}

EFFECTS = tuple(action.value for action in Action)


@dataclass(frozen=True)
class Flags:
    """The flags of a call; text is empty where a flag is not given."""

    command: str
    solver: str
    model: str
    weights: str
    snapshot: str
    gpu: str
    phase: str
    level: int
    stage: str
    split: str
    iterations: int
    sigint_effect: str
    sighup_effect: str
    minloglevel: int

    @property
    def stages(self) -> list[str]:
        """``-stage``, taken apart at its commas."""
        return [stage for stage in self.stage.split(",") if stage]

    def required(self, flag: str, why: str) -> str:
        """The value of a flag.

        Raises
        ------
        NetError : it is not given.
        """
        value = getattr(self, flag)
        if not value:
            raise NetError(f"{self.command} needs {why}; give -{flag} FILE")
        return value


def parse_flags(arguments: Sequence[str]) -> Flags:
    """Parse a command line without its program's name.

    Raises
    ------
    InputError : an unknown command or flag, or a value that is not allowed.
    SystemExit : after ``-help`` or ``-version``, with code 0.
    """
    return Flags(**vars(_make_parser().parse_args(arguments)))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; torchcaffe -help lists commands and flags")


def _make_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="torchcaffe",
        usage="torchcaffe <command> <flags>",
        description="Caffe's command line on PyTorch.",
        epilog="commands: " + "; ".join(f"{name}: {what}" for name, what in (COMMANDS | PROGRAMS).items()),
        allow_abbrev=False,
        add_help=False,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="command", help=" | ".join(COMMANDS))
    parser.add_argument("-help", "--help", "-h", action="help", help="show this text")

    def flag(name: str, what: str, **options: object) -> None:
        parser.add_argument(f"-{name}", f"--{name}", help=what, **{"default": "", **options})  # type: ignore[arg-type]

    flag("solver", "the solver's prototxt (train)")
    flag("model", "the net's prototxt (test, time)")
    flag("weights", "caffemodels to start from, separated by commas (train), or to score (test)")
    flag("snapshot", "the .solverstate to go on from (train); not together with -weights")
    flag("gpu", "run on this CUDA device: a number, or 'all' where there is one only; by default solver_mode says")
    flag("phase", "TRAIN or TEST; by default TEST for test and TRAIN for time", choices=("TRAIN", "TEST", ""))
    flag("level", "level of the net's state", type=int, default=0)
    flag("stage", "stages of the net's state, separated by commas")
    flag(
        "split",
        "layers that were split by learning rate: joined, each as one layer, the same training in less time; or apart, "
        "as the prototxt has them (train)",
        choices=("joined", "apart"),
        default="joined",
    )
    flag("iterations", "batches to score, or passes to time", type=int, default=50)
    flag("sigint_effect", "on SIGINT (Ctrl-C): stop, snapshot or none", choices=EFFECTS, default="stop")
    flag("sighup_effect", "on SIGHUP: snapshot, stop or none", choices=EFFECTS, default="snapshot")
    environment = os.environ.get("GLOG_minloglevel", "0")  # noqa: SIM112 (glog writes it so)
    flag("minloglevel", "0 shows all of the log, 1 warnings, 2 errors", type=int, default=_number(environment))
    _accept_glog_flags(parser)
    return parser


def _accept_glog_flags(parser: argparse.ArgumentParser) -> None:
    """The log goes to stderr always; scripts written for Caffe ask for it."""
    for name in ("logtostderr", "alsologtostderr"):
        parser.add_argument(
            f"-{name}", f"--{name}", nargs="?", default=argparse.SUPPRESS, action=_Ignore, help=argparse.SUPPRESS
        )


class _Ignore(argparse.Action):
    def __call__(self, *_arguments: object, **_options: object) -> None:
        pass


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0
