"""The command ``convert_pytorch_to_caffe``: a PyTorch model in, a verified Caffe net out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

if not __package__:  # started as a script: look for modules in the repository, not among the files of this package
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import tyro

from converters.converting import converting
from converters.engines import ENGINES
from converters.errors import ConversionError
from converters.rewriting import Form
from converters.source import Description, describe_folder, describe_model
from converters.training import TrainingData
from converters.training.files import SOLVER
from converters.transforms import Pixels, read_transforms
from converters.verdict import Verification
from prototxt.common.errors import errors_as_sentences
from prototxt.common.progress import with_bar
from prototxt.targets import target
from prototxt.targets.target import STOCK

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
    """Weights by name: .safetensors, or a file of torch.save, torch.jit.save or torch.export.save; no code is run."""
    weights_key: Annotated[str, tyro.conf.arg(metavar="KEY", help_behavior_hint="")] = ""
    """Where in that file the weights lie, such as ema; by default under the usual keys, state_dict, model, net ...."""
    ignore_surplus: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Leave out weights that the model does not have, and name them."""
    random_weights: bool = False
    """Convert without trained weights, to try something out."""
    seed: int = 0
    """Seed of --random-weights."""
    input_shape: Annotated[
        tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(metavar="[NAME=]N,C,H,W", help_behavior_hint="")
    ] = ()
    """Shape of the input, batch first; by default that of the named network. For several inputs once for each, with
    the name of the forward's parameter before it: --input-shape left=1,3,64,64 --input-shape right=1,3,64,64."""
    mean: Annotated[str, tyro.conf.arg(metavar="R,G,B", help_behavior_hint="")] = ""
    """Mean of the pixels in 0-1; by default that of the named network (for --module 0)."""
    std: Annotated[str, tyro.conf.arg(metavar="R,G,B", help_behavior_hint="")] = ""
    """Standard deviation of the pixels in 0-1; by default that of the named network (for --module 1)."""
    resize: Annotated[int | None, tyro.conf.arg(metavar="PIXELS", help_behavior_hint="")] = None
    """Shorter side of a picture before its centre is cut out; by default 256/224 of the crop."""
    transforms: Annotated[str, tyro.conf.arg(metavar="PKG:NAME", help_behavior_hint="")] = ""
    """Weights of torchvision whose transforms say mean, std, resize and crop, such as
    torchvision.models:ResNet50_Weights.IMAGENET1K_V2; --mean, --std and --resize go before them."""
    out: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("converted")
    """Where the files go."""
    name: Annotated[str, tyro.conf.arg(metavar="STEM", help_behavior_hint="")] = ""
    """Name of the net and its files; by default the network's."""
    verify: Annotated[str, tyro.conf.arg(metavar="ENGINES")] = "torchcaffe"
    """What to verify with: torchcaffe, caffe (make caffe), opencv, several with commas between, or none."""
    names: Literal["modules", "caffe"] = "modules"
    """What layers are called: after their modules, or conv1 to fc8 where the net is plain."""
    fold_bn: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Fold batch normalisation into the convolutions: fewer layers, for inference alone."""
    simplify: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Leave out what only training needs, and fold factors and shifts of channels into the convolutions."""
    bake_preprocessing: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Put the preprocessing in front of the net, which then takes pixels 0-255 in BGR, as OpenCV gives them."""
    target: Annotated[str, tyro.conf.arg(metavar="NAME")] = STOCK
    """The program that the net is for: caffe-1.0, caffe-master, rknn, atc, nnie, tpu-mlir or ncnn."""
    train: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Also write train_val.prototxt and solver.prototxt: data, loss, accuracy and learning rates."""
    train_data: Annotated[str, tyro.conf.arg(metavar="LIST")] = TrainingData.train
    """Of --train: a list of "path label" lines, an LMDB, or for other inputs than pictures a list of HDF5 files."""
    val_data: Annotated[str, tyro.conf.arg(metavar="LIST")] = TrainingData.val
    """The same for testing."""
    batch_size: int = TrainingData.batch
    """Pictures of a step of training."""
    frozen_batch_norm: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """In training normalise by the running statistics, and leave them alone."""
    verify_gradients: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Also compare the gradients of the input and of the parameters with PyTorch's."""
    plot: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Draw the differences along the depth of the net into verification.png."""
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
    target(options.target)
    description = _description(options)
    stem = options.name or _stem(options, description)
    if Path(stem).name != stem:
        raise ConversionError(f"--name {stem}: must be a name without folders; --out says where the files go")
    seed = options.seed if options.random_weights else None
    training = _training(options)
    form = _form(options)
    work = converting(
        description,
        stem,
        options.out,
        engines,
        seed,
        options.softmax,
        form=form,
        training=training,
        gradients=options.verify_gradients,
        plot=options.plot,
    )
    converted = with_bar(work)
    print("\n".join(map(_verdict, converted.verifications)) or "not verified")
    print("".join(f"{each.sentence()}\n" for each in converted.gradients), end="")
    print("".join(f"note: {note}\n" for note in converted.notes), end="")
    print(f"wrote {options.out / stem}.prototxt, {converted.caffemodel} and conversion.json")
    if training:
        print(f"train it with: cd {options.out} && caffe train -solver {SOLVER} -weights {converted.caffemodel}")
    return converted.verifications


def _description(options: Options) -> Description:
    given = [flag for flag in ("arch", "module", "model") if getattr(options, flag)]
    if len(given) != 1:
        got = " and ".join("--" + flag for flag in given) or "none of them"
        raise ConversionError(f"give exactly one of --arch, --module and --model; got {got}")
    if options.weights and options.random_weights:
        raise ConversionError("give --weights or --random-weights, not both")
    pixels = read_transforms(options.transforms) if options.transforms else Pixels()
    if options.model:
        if options.weights or options.random_weights:
            raise ConversionError(f"--model {options.model} brings its own weights; leave the others out")
        description = describe_folder(options.model)
    else:
        shapes = _shapes(options.input_shape) or ({"": (1, 3, *pixels.crop)} if pixels.crop else {})
        if options.module and not shapes:
            raise ConversionError("--module needs --input-shape, as in --input-shape 1,3,224,224")
        first = next(iter(shapes.values()), ())
        description = describe_model(options.arch, options.module, options.weights, first)
    return replace(
        description,
        weights_key=options.weights_key,
        ignore_surplus=options.ignore_surplus,
        input_shapes=_shapes(options.input_shape) or description.input_shapes,
        mean=_numbers("--mean", options.mean, float) or pixels.mean or description.mean,
        std=_numbers("--std", options.std, float) or pixels.std or description.std,
        resize=options.resize or pixels.resize or description.resize,
    )


def _form(options: Options) -> Form:
    return Form(options.names, options.fold_bn, options.simplify, options.bake_preprocessing, options.target)


def _training(options: Options) -> TrainingData | None:
    if not options.train:
        return None
    if options.target not in ("caffe-1.0", "caffe-master"):
        raise ConversionError(f"--train is for Caffe itself, not for --target {options.target}")
    if options.batch_size < 1:
        raise ConversionError(f"--batch-size {options.batch_size}: must be 1 or more")
    return TrainingData(options.train_data, options.val_data, options.batch_size, options.frozen_batch_norm)


def _stem(options: Options, description: Description) -> str:
    if options.model:
        return options.model.resolve().name
    return description.arch or description.module.rpartition(":")[2]


def _shapes(given: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Shapes by name of the input, "" for one without a name."""
    shapes: dict[str, tuple[int, ...]] = {}
    for text in given:
        name, _, numbers = text.rpartition("=")
        if name in shapes:
            what = f"input {name!r}" if name else "the input"
            raise ConversionError(
                f"--input-shape {text}: the shape of {what} is given twice; for several inputs give each its name, as "
                "in --input-shape left=1,3,64,64 --input-shape right=1,3,64,64"
            )
        shapes[name] = _numbers("--input-shape", numbers, int)
    if "" in shapes and len(shapes) > 1:
        raise ConversionError(f"--input-shape: give every shape a name, or one shape alone; got {' and '.join(given)}")
    return shapes


def _numbers(flag: str, text: str, kind: type) -> tuple[Any, ...]:
    """The numbers of an option, none if it was not given."""
    if not text and flag != "--input-shape":
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
        f"(allowed {verification.bar:.0e})"
        + _by_truth(verification)
        + (f"; {verification.note}" if verification.note else "")
    )


def _by_truth(verification: Verification) -> str:
    """Layers beyond the bar that are right nevertheless."""
    layers = verification.by_truth
    if not layers:
        return ""
    return (
        f"; {len(layers)} of them differ by more, first {layers[0].layer}, but are as near to the float64 result as "
        "PyTorch itself"
    )


if __name__ == "__main__":
    main()
