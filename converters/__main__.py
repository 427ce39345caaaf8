"""``python -m converters verify FIRST SECOND``: compare two programs value by value."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from converters.errors import ConversionError
from converters.example_inputs import example_inputs
from converters.pairs import compare, open_program
from converters.plot import draw_depth
from prototxt.common.errors import errors_as_sentences

PROGRAM = "python -m converters"


@dataclass(frozen=True)
class Verify:
    """Run two programs with the same inputs and compare what they compute; exit code 1 if they diverge.

    A program is the folder of a conversion, net.prototxt (with net.caffemodel beside it, or
    net.prototxt,other.caffemodel), the folder of a bundled model, an ONNX model, or package.module:factory or an
    architecture of torchvision, both with @weights.pth behind. Values are paired by names, those of a conversion by
    the modules that its layers were made of.
    """

    first: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="FIRST")]
    """The one that is right."""
    second: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="SECOND")]
    """The one that is judged."""
    engine: str = "torchcaffe"
    """What runs Caffe nets: torchcaffe, caffe, opencv or rknn."""
    input_shape: Annotated[str, tyro.conf.arg(metavar="N,C,H,W", help_behavior_hint="")] = ""
    """Of the input, where neither program says it."""
    inputs: Annotated[Path | None, tyro.conf.arg(metavar="FILE.npz", help_behavior_hint="")] = None
    """Arrays by input, in the order of the inputs; by default noise."""
    allowed: float = 1e-4
    """Largest relative difference that counts as equal."""
    plot: Annotated[Path | None, tyro.conf.arg(metavar="FILE.png", help_behavior_hint="")] = None
    """Draw the differences along the depth."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; ``arguments`` are by default those of the process."""
    options = tyro.extras.subcommand_cli_from_dict({"verify": Verify}, prog=PROGRAM, args=arguments)
    with errors_as_sentences(PROGRAM):
        equal = verify(options)
    if not equal:
        sys.exit(1)


def verify(options: Verify) -> bool:
    """Compare, print, draw; whether the programs are equal."""
    feeds = _feeds(options)
    first, second = (open_program(text, options.engine) for text in (options.first, options.second))
    found = compare(first, second, feeds, options.allowed)
    print(f"{second.title} against {first.title}: {found.sentence()}")
    if options.plot:
        names = list(found.values)
        lines = {second.title: [found.values[name].relative for name in names]}
        draw_depth(options.plot, lines, names, {"allowed": found.bar})
        print(f"drew {options.plot}")
    return not found.diverging


def _feeds(options: Verify) -> list[dict[str, np.ndarray]]:
    if options.inputs:
        try:
            with np.load(options.inputs) as arrays:
                return [{name: arrays[name].astype(np.float32) for name in arrays.files}]
        except (OSError, ValueError, AttributeError) as error:
            raise ConversionError(f"--inputs {options.inputs}: is no .npz file of arrays ({error})") from error
    if not options.input_shape:
        return []
    try:
        shape = tuple(int(extent) for extent in options.input_shape.split(","))
    except ValueError:
        shape = ()
    if not shape or min(shape) < 1:
        raise ConversionError(f"--input-shape {options.input_shape}: must be whole numbers from 1, as in 1,3,224,224")
    return [{"input": array} for array in example_inputs(shape)[:2]]


if __name__ == "__main__":
    main()
