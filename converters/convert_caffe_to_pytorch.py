"""The command ``convert_caffe_to_pytorch``: a Caffe net in, a verified PyTorch module out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

if not __package__:  # started as a script: look for modules in the repository, not among the files of this package
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import tyro

from converters.back import command
from converters.back.pytorch.target import PYTORCH
from prototxt.common.errors import errors_as_sentences

PROGRAM = "convert_caffe_to_pytorch"


@dataclass(frozen=True)
class Options(command.Options):
    """Write a Caffe net as a PyTorch module that a person could have written, with its weights as safetensors.

    Every blob is compared with torchcaffe before anything is written.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; ``arguments`` are by default those of the process."""
    options = tyro.cli(Options, prog=PROGRAM, args=arguments)
    with errors_as_sentences(PROGRAM):
        command.run(options, PYTORCH)


if __name__ == "__main__":
    main()
