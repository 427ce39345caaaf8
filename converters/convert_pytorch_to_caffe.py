"""The command ``convert_pytorch_to_caffe``: a PyTorch model in, a verified Caffe net out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

if not __package__:  # started as a script: look for modules in the repository, not among the files of this package
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import tyro

from converters.describe import describe_folder, describe_model, describe_onnx
from converters.errors import ConversionError
from converters.shared_options import SharedOptions, engines_in, pixels_in, run_conversion, shapes_in, with_pixels
from converters.source import Description
from converters.verdict import Verification
from prototxt.common.errors import errors_as_sentences

PROGRAM = "convert_pytorch_to_caffe"


@dataclass(frozen=True)
class Options:
    """Convert a PyTorch model to a net of stock Caffe 1.0, and verify every layer.

    Give one of --arch, --module and --model.
    """

    arch: Annotated[str, tyro.conf.arg(metavar="NAME", help_behavior_hint="")] = ""
    """A network by name: alexnet64, or one of torchvision's classifiers, such as alexnet, vgg16_bn, resnet18."""
    module: Annotated[str, tyro.conf.arg(metavar="PKG:FACTORY", help_behavior_hint="")] = ""
    """A function without arguments that returns your own model."""
    model: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER|FILE", help_behavior_hint="")] = None
    """A bundled model (a folder with model.json and weights.safetensors), or an ONNX model (a file .onnx)."""
    weights: Annotated[Path | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="")] = None
    """Weights by name: .safetensors, or a file of torch.save, torch.jit.save or torch.export.save; no code is run."""
    weights_key: Annotated[str, tyro.conf.arg(metavar="KEY", help_behavior_hint="")] = ""
    """Where in that file the weights lie, such as ema; by default under the usual keys, state_dict, model, net ...."""
    ignore_surplus: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Leave out weights that the model does not have, and name them."""
    random_weights: bool = False
    """Convert without trained weights, to try something out."""
    seed: int = 0
    """Seed of --random-weights."""
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
    description = _description(options)
    seed = options.seed if options.random_weights else None
    return run_conversion(description, _stem(options, description), engines, options.shared, seed)


def _description(options: Options) -> Description:
    given = [flag for flag in ("arch", "module", "model") if getattr(options, flag)]
    if len(given) != 1:
        got = " and ".join("--" + flag for flag in given) or "none of them"
        raise ConversionError(f"give exactly one of --arch, --module and --model; got {got}")
    if options.weights and options.random_weights:
        raise ConversionError("give --weights or --random-weights, not both")
    pixels = pixels_in(options.shared)
    shapes = shapes_in(options.shared.input_shape) or ({"": (1, 3, *pixels.crop)} if pixels.crop else {})
    if not options.model:
        if options.module and not shapes:
            raise ConversionError("--module needs --input-shape, as in --input-shape 1,3,224,224")
        first = next(iter(shapes.values()), ())
        description = describe_model(options.arch, options.module, options.weights, first)
    elif options.weights or options.random_weights:
        raise ConversionError(f"--model {options.model} brings its own weights; leave the others out")
    elif options.model.suffix.lower() == ".onnx":
        return with_pixels(describe_onnx(options.model, shapes), options.shared)
    else:
        description = describe_folder(options.model)
    return with_pixels(
        replace(
            description,
            input_shapes=shapes or description.input_shapes,
            weights_key=options.weights_key,
            ignore_surplus=options.ignore_surplus,
        ),
        options.shared,
    )


def _stem(options: Options, description: Description) -> str:
    if options.model:
        return options.model.resolve().name.removesuffix(".onnx")
    return description.arch or description.module.rpartition(":")[2]


if __name__ == "__main__":
    main()
