"""The command ``convert_pytorch_to_caffe``: a PyTorch model in, a verified Caffe net out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

if not __package__:  # started as a script: look for modules in the repository, not among the files of this package
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import tyro

from converters.converting import converting
from converters.engines import ENGINES
from converters.errors import ConversionError
from converters.source import Description, describe_folder, describe_model
from converters.verdict import Verification
from prototxt.common.errors import errors_as_sentences
from prototxt.common.progress import with_bar

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
    model: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER", help_behavior_hint="")] = None
    """A bundled model: a folder with model.json and weights.safetensors."""
    weights: Annotated[Path | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="")] = None
    """Weights by name: .safetensors, or what torch.load(weights_only=True) reads."""
    random_weights: bool = False
    """Convert without trained weights, to try something out."""
    seed: int = 0
    """Seed of --random-weights."""
    input_shape: Annotated[str, tyro.conf.arg(metavar="N,C,H,W", help_behavior_hint="")] = ""
    """Shape of the input, batch first; by default that of the named network."""
    mean: Annotated[str, tyro.conf.arg(metavar="R,G,B", help_behavior_hint="")] = ""
    """Mean of the pixels in 0-1; by default that of the named network (for --module 0)."""
    std: Annotated[str, tyro.conf.arg(metavar="R,G,B", help_behavior_hint="")] = ""
    """Standard deviation of the pixels in 0-1; by default that of the named network (for --module 1)."""
    resize: Annotated[int | None, tyro.conf.arg(metavar="PIXELS", help_behavior_hint="")] = None
    """Shorter side of a picture before its centre is cut out; by default 256/224 of the crop."""
    out: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("converted")
    """Where the files go."""
    name: Annotated[str, tyro.conf.arg(metavar="STEM", help_behavior_hint="")] = ""
    """Name of the net and its files; by default the network's."""
    verify: Annotated[str, tyro.conf.arg(metavar="ENGINES")] = "torchcaffe"
    """What to verify with: torchcaffe, caffe (make caffe), opencv, several with commas between, or none."""
    softmax: bool = True
    """Append a Softmax layer "prob" where the model returns scores of classes."""


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
    engines = [name.strip() for name in options.verify.split(",") if name.strip() not in ("", "none")]
    for engine in engines:
        ENGINES.find(engine, "--verify").version()  # before the minutes of work
    description = _description(options)
    stem = options.name or _stem(options, description)
    if Path(stem).name != stem:
        raise ConversionError(f"--name {stem}: must be a name without folders; --out says where the files go")
    seed = options.seed if options.random_weights else None
    verifications = with_bar(converting(description, stem, options.out, engines, seed, options.softmax))
    print("\n".join(map(_verdict, verifications)) or "not verified")
    print(f"wrote {options.out / stem}.prototxt, {stem}.caffemodel and conversion.json")
    return verifications


def _description(options: Options) -> Description:
    given = [flag for flag in ("arch", "module", "model") if getattr(options, flag)]
    if len(given) != 1:
        got = " and ".join("--" + flag for flag in given) or "none of them"
        raise ConversionError(f"give exactly one of --arch, --module and --model; got {got}")
    if options.weights and options.random_weights:
        raise ConversionError("give --weights or --random-weights, not both")
    if options.model:
        if options.weights or options.random_weights:
            raise ConversionError(f"--model {options.model} brings its own weights; leave the others out")
        description = describe_folder(options.model)
    else:
        shape = _numbers("--input-shape", options.input_shape, int)
        if options.module and not shape:
            raise ConversionError("--module needs --input-shape, as in --input-shape 1,3,224,224")
        description = describe_model(options.arch, options.module, options.weights, shape)
    return replace(
        description,
        input_shape=_numbers("--input-shape", options.input_shape, int) or description.input_shape,
        mean=_numbers("--mean", options.mean, float) or description.mean,
        std=_numbers("--std", options.std, float) or description.std,
        resize=options.resize or description.resize,
    )


def _stem(options: Options, description: Description) -> str:
    if options.model:
        return options.model.resolve().name
    return description.arch or description.module.rpartition(":")[2]


def _numbers(flag: str, text: str, kind: type) -> tuple[Any, ...]:
    """The numbers of an option, none if it was not given."""
    if not text:
        return ()
    try:
        numbers = tuple(kind(number) for number in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or (flag == "--input-shape" and (len(numbers) < 2 or min(numbers) < 1)):
        wanted = "whole numbers from 1, the batch first," if flag == "--input-shape" else "numbers"
        raise ConversionError(f"{flag} {text}: must be {wanted} with commas between, as in {_EXAMPLES[flag]}")
    return numbers


_EXAMPLES = {"--input-shape": "1,3,224,224", "--mean": "0.485,0.456,0.406", "--std": "0.229,0.224,0.225"}


def _verdict(verification: Verification) -> str:
    worst = verification.worst
    if worst is None:
        return f"{verification.engine} ({verification.version}): {verification.note}"
    return (
        f"{verification.engine} ({verification.version}): {len(verification.layers)} layers, {verification.inputs} "
        f"inputs, largest relative difference {worst.difference.relative:.1e} at {worst.layer} "
        f"(allowed {verification.bar:.0e})" + (f"; {verification.note}" if verification.note else "")
    )


if __name__ == "__main__":
    main()
