"""``python -m prototxt lint NET.prototxt --target rknn``: what a program would refuse in a net."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from prototxt.common.errors import errors_as_sentences
from prototxt.formats.text import read_net
from prototxt.formats.weights import read_model
from prototxt.lint import warn_net
from prototxt.targets import lint_for, target
from prototxt.targets.check import types_disagree, unknown_to_caffe

PROGRAM = "python -m prototxt"


@dataclass(frozen=True)
class Lint:
    """Say what Caffe, or a program that takes Caffe nets, would refuse in a net; exit code 1 if it would."""

    net: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="NET.prototxt")]
    """The net."""
    target: Annotated[str, tyro.conf.arg(metavar="NAME")] = "caffe-1.0"
    """The program: caffe-1.0, caffe-master, rknn, atc, nnie, tpu-mlir or ncnn."""
    extensions: bool = False
    """Allow layers of forks that torchcaffe and the converters take (Permute, PriorBox, …) beside Caffe's own."""
    weights: Annotated[Path | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="")] = None
    """A caffemodel, whose layers must have the types that they have in the net."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; ``arguments`` are by default those of the process."""
    options = tyro.extras.subcommand_cli_from_dict({"lint": Lint}, prog=PROGRAM, args=arguments)
    with errors_as_sentences(PROGRAM):
        findings = lint(options)
    if findings:
        sys.exit(1)


def lint(options: Lint) -> list[str]:
    """Print what is found; warnings are printed, but are no findings."""
    chosen, net = target(options.target), read_net(options.net)
    findings = unknown_to_caffe(chosen, options.net)
    findings += lint_for(chosen, net, options.net, extensions=options.extensions)
    if options.weights:
        findings += types_disagree(net, read_model(options.weights)[0])
    warnings = [] if findings else [f"warning: {sentence}" for sentence in warn_net(net, options.net)]
    verdict = [] if findings else [f"{options.net}: {chosen.title} takes it"]
    print("\n".join([*findings, *warnings, *verdict]))
    return findings


if __name__ == "__main__":
    main()
