"""What every command has that converts to Caffe: its options, and the way from a described model to the files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from converters.converting import converting
from converters.engines import ENGINES
from converters.errors import ConversionError
from converters.files import refuse_occupied
from converters.rewriting import Form
from converters.source import Description
from converters.training import TrainingData
from converters.training.files import SOLVER
from converters.transforms import Pixels, read_transforms
from converters.verdict import Verification
from prototxt.common.progress import with_bar
from prototxt.targets import target
from prototxt.targets.target import STOCK


@dataclass(frozen=True)
class SharedOptions:
    """Options of the pixels, of the files, and of the verification."""

    input_shape: Annotated[
        tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(metavar="[NAME=]N,C,H,W", help_behavior_hint="")
    ] = ()
    """Shape of the input, batch first; by default the model's own. For several inputs once for each, with its name
    before it: --input-shape left=1,3,64,64 --input-shape right=1,3,64,64."""
    mean: Annotated[str, tyro.conf.arg(metavar="R,G,B", help_behavior_hint="")] = ""
    """Mean of the pixels in 0-1; by default that of the named network, else 0."""
    std: Annotated[str, tyro.conf.arg(metavar="R,G,B", help_behavior_hint="")] = ""
    """Standard deviation of the pixels in 0-1; by default that of the named network, else 1."""
    resize: Annotated[int | None, tyro.conf.arg(metavar="PIXELS", help_behavior_hint="")] = None
    """Shorter side of a picture before its centre is cut out; by default 256/224 of the crop."""
    transforms: Annotated[str, tyro.conf.arg(metavar="PKG:NAME", help_behavior_hint="")] = ""
    """Weights of torchvision whose transforms say mean, std, resize and crop, such as
    torchvision.models:ResNet50_Weights.IMAGENET1K_V2; --mean, --std and --resize go before them."""
    out: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("converted")
    """Where the files go: a new or an empty folder."""
    force: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Write into a folder that has files already; those of the same names are replaced."""
    name: Annotated[str, tyro.conf.arg(metavar="STEM", help_behavior_hint="")] = ""
    """Name of the net and its files; by default the model's."""
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


def with_pixels(description: Description, options: SharedOptions) -> Description:
    """The description with what the user says otherwise of its pixels.

    Raises
    ------
    ConversionError : if an option is not numbers with commas between.
    """
    pixels = pixels_in(options)
    return replace(
        description,
        mean=numbers_in("--mean", options.mean, float) or pixels.mean or description.mean,
        std=numbers_in("--std", options.std, float) or pixels.std or description.std,
        resize=options.resize or pixels.resize or description.resize,
    )


def pixels_in(options: SharedOptions) -> Pixels:
    """What ``--transforms`` says."""
    return read_transforms(options.transforms) if options.transforms else Pixels()


def engines_in(options: SharedOptions) -> list[str]:
    """Names of the engines to verify with, each of which is there."""
    engines = [name.strip() for name in options.verify.split(",") if name.strip() not in ("", "none")]
    for engine in engines:
        ENGINES.find(engine, "--verify").version()  # before the minutes of work
    target(options.target)
    return engines


def run_conversion(
    description: Description, stem: str, engines: Sequence[str], options: SharedOptions, random_seed: int | None = None
) -> list[Verification]:
    """Convert, verify and write, and say what came of it.

    Raises
    ------
    InputError : if the model cannot be converted, or an engine diverges; then nothing is written.
    """
    stem = options.name or stem
    if Path(stem).name != stem:
        raise ConversionError(f"--name {stem}: must be a name without folders; --out says where the files go")
    refuse_occupied(options.out, options.force)
    training = _training(options)
    form = _form(options)
    work = converting(
        description,
        stem,
        options.out,
        engines,
        random_seed,
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


def _form(options: SharedOptions) -> Form:
    return Form(options.names, options.fold_bn, options.simplify, options.bake_preprocessing, options.target)


def _training(options: SharedOptions) -> TrainingData | None:
    if not options.train:
        return None
    if options.target not in ("caffe-1.0", "caffe-master"):
        raise ConversionError(f"--train is for Caffe itself, not for --target {options.target}")
    if options.batch_size < 1:
        raise ConversionError(f"--batch-size {options.batch_size}: must be 1 or more")
    return TrainingData(options.train_data, options.val_data, options.batch_size, options.frozen_batch_norm)


def shapes_in(given: Sequence[str]) -> dict[str, tuple[int, ...]]:
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
        shapes[name] = numbers_in("--input-shape", numbers, int)
    if "" in shapes and len(shapes) > 1:
        raise ConversionError(f"--input-shape: give every shape a name, or one shape alone; got {' and '.join(given)}")
    return shapes


def numbers_in(flag: str, text: str, kind: type) -> tuple[Any, ...]:
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
