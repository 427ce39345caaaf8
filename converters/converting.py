"""The whole way of a conversion: build, convert, write, verify, as one generator for the command and the window."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from converters.files import staged, write_record
from converters.source import Description, build
from converters.verdict import Verification, check
from converters.verification import verifying, write_files
from prototxt.common.progress import Progress


@dataclass(frozen=True)
class Converted:
    """What came of a conversion.

    Parameters
    ----------
    verifications : one verdict for every engine; each of them passes.
    notes : what was guessed or left out, a sentence each.
    """

    verifications: list[Verification]
    notes: tuple[str, ...]


def converting(
    description: Description,
    stem: str,
    out: Path,
    engines: Sequence[str] = ("torchcaffe",),
    random_seed: int | None = None,
    softmax: bool = True,
) -> Generator[Progress, None, Converted]:
    """Convert a described model, verify it and write its files; if it is given up or fails, nothing is written.

    Parameters
    ----------
    stem : name of the net and its files.
    out : folder for them.
    engines : names in `ENGINES` to verify with.
    random_seed : of random weights where the description has none.
    softmax : append a Softmax layer "prob" where the model returns scores of classes.

    Raises
    ------
    InputError : if the model cannot be built or converted, an engine diverges, or ``out`` cannot be written to.
    """
    description.preprocessing()  # before the seconds of work: it refuses what does not fit
    yield Progress(0, 0, f"{stem}: load weights")
    source = build(description, random_seed)
    yield Progress(0, 0, f"{stem}: convert")
    conversion = source.convert(description, stem, softmax)
    with staged(out) as stage:
        yield Progress(0, 0, f"{stem}: write")
        files = write_files(conversion, stage, stem)
        verifications = source.judged() if engines else []
        verifications += yield from verifying(conversion, source.model, engines, files=files)
        check(verifications)
        write_record(stage, stem, conversion, source.about, verifications, description.classes)
    return Converted(verifications, conversion.notes)
