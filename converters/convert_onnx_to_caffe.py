"""The command ``convert_onnx_to_caffe``: an ONNX model in, a verified Caffe net out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

if not __package__:  # started as a script: look for modules in the repository, not among the files of this package
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import tyro

from converters.describe import describe_onnx
from converters.shared_options import SharedOptions, engines_in, run_conversion, shapes_in, with_pixels
from converters.verdict import Verification
from prototxt.common.errors import errors_as_sentences

PROGRAM = "convert_onnx_to_caffe"


@dataclass(frozen=True)
class Options:
    """Convert an ONNX model to a net of stock Caffe 1.0, and verify every layer."""

    model: Annotated[Path, tyro.conf.arg(metavar="FILE")]
    """The model: a file .onnx, with its external data beside it."""
    shared: tyro.conf.OmitArgPrefixes[SharedOptions] = field(default_factory=SharedOptions)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; ``arguments`` are by default those of the process."""
    options = tyro.cli(Options, prog=PROGRAM, args=arguments)
    with errors_as_sentences(PROGRAM):
        run(options)


def run(options: Options) -> list[Verification]:
    """Convert, verify and write.

    Raises
    ------
    InputError : if something of the options cannot be used, or an engine diverges; then nothing is written.
    """
    engines = engines_in(options.shared)
    description = describe_onnx(options.model, shapes_in(options.shared.input_shape))
    return run_conversion(with_pixels(description, options.shared), options.model.stem, engines, options.shared)


if __name__ == "__main__":
    main()
