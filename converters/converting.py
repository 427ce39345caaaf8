"""The whole way of a conversion: build, convert, write, verify, as one generator for the command and the window."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from converters.build import build
from converters.conversion import Conversion
from converters.errors import ParityError
from converters.files import staged, write_record
from converters.gradients import GradientVerification, check_gradients, summary, verify_gradients
from converters.gradients.engines import GRADIENTS
from converters.plot import draw_verifications
from converters.rewriting import AS_CONVERTED, Form
from converters.source import Description
from converters.training import TrainingData, write_training
from converters.verdict import Verification, check
from converters.verification import Files, verifying, write_diverging, write_files
from prototxt.common.progress import Progress


@dataclass(frozen=True)
class Converted:
    """What came of a conversion.

    Parameters
    ----------
    verifications : one verdict for every engine; each of them passes.
    notes : what was guessed or left out, a sentence each.
    caffemodel : name of the file of weights.
    gradients : those of every engine that has a backward pass, where asked for; each of them passes.
    """

    verifications: list[Verification]
    notes: tuple[str, ...]
    caffemodel: str
    gradients: list[GradientVerification]


def converting(
    description: Description,
    stem: str,
    out: Path,
    engines: Sequence[str] = ("torchcaffe",),
    random_seed: int | None = None,
    softmax: bool = True,
    form: Form = AS_CONVERTED,
    training: TrainingData | None = None,
    gradients: bool = False,
    plot: bool = False,
) -> Generator[Progress, None, Converted]:
    """Convert a described model, verify it and write its files; if it is given up or fails, nothing is written.

    Parameters
    ----------
    stem : name of the net and its files.
    out : folder for them.
    engines : names in `ENGINES` to verify with.
    random_seed : of random weights where the description has none.
    softmax : append a Softmax layer "prob" where the model returns scores of classes.
    form : what the net shall look like.
    gradients : also compare the backward pass, in the engines that have one.
    plot : draw the differences along the depth into ``verification.png``.
    training : what it shall be trained on: then ``train_val.prototxt`` and ``solver.prototxt`` are written too.

    Raises
    ------
    InputError : if the model cannot be built or converted, an engine diverges, or ``out`` cannot be written to.
    """
    description.preprocessing()  # before the seconds of work: it refuses what does not fit
    yield Progress(0, 0, f"{stem}: load weights")
    source = build(description, random_seed)
    yield Progress(0, 0, f"{stem}: convert")
    conversion = form.of(source.convert(description, stem, softmax))
    with staged(out) as stage:
        yield Progress(0, 0, f"{stem}: write")
        files = write_files(conversion, stage, stem)
        conversion = replace(conversion, notes=(*source.notes, *conversion.notes, *_notes(files)))
        if training:
            notes = write_training(stage, out, stem, conversion, training)
            conversion = replace(conversion, notes=(*conversion.notes, *notes))
        verifications = source.judged() if engines else []
        verifications += yield from verifying(conversion, source.model, engines, files=files)
        if plot:
            draw_verifications(stage / "verification.png", verifications)
        _check(conversion, verifications, out)
        able = [engine for engine in engines if gradients and engine in GRADIENTS]
        backward = verify_gradients(conversion, source.model, able) if able else []
        check_gradients(backward)
        write_record(stage, stem, conversion, source.about, verifications, description.classes, summary(backward))
    return Converted(verifications, conversion.notes, files.caffemodel.name, backward)


def _check(conversion: Conversion, verifications: Sequence[Verification], out: Path) -> None:
    """Refuse a conversion that diverges, and leave the smallest part of it that does beside ``out``."""
    try:
        check(verifications)
    except ParityError as error:
        folder = out.with_name(f"{out.name}-diverging")
        if not any(write_diverging(conversion, each, folder) for each in verifications):
            raise
        raise ParityError(
            f"{error}. The smallest part that diverges is in {folder}: net.prototxt and net.caffemodel give something "
            "else for inputs.npz than expected.npz"
        ) from None


def _notes(files: Files) -> tuple[str, ...]:
    """What is unusual about the files."""
    if files.caffemodel.suffix != ".h5":
        return ()
    return (
        f"the weights pass the 2 GiB that Caffe reads of a .caffemodel; they are in {files.caffemodel.name} (HDF5)",
    )
