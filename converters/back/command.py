"""What ``convert_caffe_to_pytorch`` and ``convert_caffe_to_onnx`` have in common."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from converters.back.about import about
from converters.back.examples import example_batches
from converters.back.pixels import preprocessing_of
from converters.back.record import write_record
from converters.back.source_net import SourceNet, source_net
from converters.back.target import Target
from converters.back.verification import refuse_divergence, verify
from converters.errors import ConversionError
from converters.files import RECORD, Record, read_conversion, refuse_occupied, staged
from converters.verdict import Verification
from prototxt.common.errors import FormatError
from prototxt.common.progress import Progress, with_bar
from prototxt.formats.text import read_net
from prototxt.formats.weights import read_weights
from prototxt.pixels.field_types import PreprocessingError
from prototxt.pixels.preprocess import Preprocessing
from prototxt.pixels.preprocess_file import read_preprocessing

_Path = Annotated[Path | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="")]


@dataclass(frozen=True)
class Options:
    """What both commands are told."""

    prototxt: Annotated[Path, tyro.conf.arg(metavar="FILE", help_behavior_hint="(required)")]
    """The net: a deploy prototxt, or one to train with, of any age; its layers of TEST are taken."""
    caffemodel: Annotated[Path, tyro.conf.arg(metavar="FILE", help_behavior_hint="(required)")]
    """Its weights: .caffemodel or .caffemodel.h5."""
    out: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("converted")
    """Where the files go: a new or an empty folder."""
    force: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Write into a folder that has files already; those of the same names are replaced."""
    name: Annotated[str, tyro.conf.arg(metavar="STEM", help_behavior_hint="")] = ""
    """Name of the net and its files; by default that of the prototxt."""
    input_shape: Annotated[tuple[str, ...], tyro.conf.arg(metavar="BLOB=N,C,H,W", help_behavior_hint="")] = ()
    """Shapes of inputs that the prototxt does not say, or that shall be others: data=1,3,227,227."""
    preprocessing: _Path = None
    """JSON file with the preprocessing; by default that of a conversion.json beside the net, or of its data layers."""
    classes: _Path = None
    """Text file of class names, one a line; by default that of a conversion.json beside the net."""
    verify: bool = True
    """Compare every blob with torchcaffe before anything is written."""


@dataclass(frozen=True)
class Exported:
    """What came of it: names of files, what was changed or left out, and the verdict if there is one."""

    files: tuple[str, ...]
    notes: tuple[str, ...]
    verification: Verification | None


def exporting(options: Options, target: Target) -> Generator[Progress, None, Exported]:
    """Read, write, verify; a generator that tells its progress. If it is given up or fails, nothing is written.

    Raises
    ------
    InputError : if something of the options cannot be used, or what was written diverges.
    """
    stem = options.name or options.prototxt.stem
    if Path(stem).name != stem:
        raise ConversionError(f"--name {stem}: must be a name without folders; --out says where the files go")
    refuse_occupied(options.out, options.force)
    yield Progress(0, 0, f"{stem}: read")
    net = read_net(options.prototxt)
    source = source_net(
        net, read_weights(options.caffemodel, net), _shapes(options.input_shape), str(options.caffemodel)
    )
    preprocessing, classes, said = _preparation(options, source)
    source = replace(source, notes=(*source.notes, *said))
    with staged(options.out) as stage:
        yield Progress(0, 0, f"{stem}: write")
        free = target.batch_is_free(source)
        written = target.write(source, stage, stem, about(source, free, preprocessing, classes))
        verification = None
        if options.verify:
            yield Progress(0, 0, f"{stem}: verify")
            batches = example_batches(source, 2 if free else None)
            verification = verify(source, written.program(), batches)
            refuse_divergence(verification)
        write_record(
            stage, source, target, written, (options.prototxt, options.caffemodel), preprocessing, classes, verification
        )
    return Exported((*written.files, RECORD), source.notes, verification)


def _preparation(options: Options, source: SourceNet) -> tuple[Preprocessing | None, Path | None, list[str]]:
    """The preprocessing and the class names: given, beside the net, or said by its data layers; and what is amiss."""
    if options.classes is not None and not options.classes.is_file():
        raise ConversionError(f"--classes {options.classes}: no such file; give a text file of class names, one a line")
    record, said = _record_beside(options.prototxt)
    classes = options.classes or (record.classes if record else None)
    if options.preprocessing is not None:
        return read_preprocessing(options.preprocessing), classes, said
    if record is not None and record.preprocessing is not None:
        return record.preprocessing, classes, said
    shape = next(iter(source.inputs.values()))
    channels = shape[1] if len(shape) == 4 else 0
    try:
        preprocessing = preprocessing_of(read_net(options.prototxt), channels, options.prototxt.parent)
    except (ConversionError, PreprocessingError) as error:
        return None, classes, [*said, f"the preprocessing is not known: {error}"]
    return preprocessing, classes, said


def _record_beside(prototxt: Path) -> tuple[Record | None, list[str]]:
    """The ``conversion.json`` of the net, if it lies beside it; and why one that is there is of no use."""
    path = prototxt.with_name(RECORD)
    if not path.is_file():
        return None, []
    try:
        record = read_conversion(path)
    except FormatError as error:
        return None, [f"nothing was taken from {path}: {error}"]
    return (record, []) if record.prototxt.name == prototxt.name else (None, [])


def _shapes(options: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    shapes = {}
    for option in options:
        blob, _, text = option.partition("=")
        try:
            shape = tuple(int(size) for size in text.split(","))
        except ValueError:
            shape = ()
        if not blob or not shape or min(shape) < 1:
            raise ConversionError(
                f"--input-shape {option}: must be a blob and its sizes, whole numbers from 1, as in data=1,3,227,227"
            )
        shapes[blob] = shape
    return shapes


def run(options: Options, target: Target) -> None:
    """Run a command to its end and say what came of it."""
    exported = with_bar(exporting(options, target))
    for note in exported.notes:
        print(f"note: {note}")
    print(_verdict(exported.verification) if exported.verification else "not verified")
    print(f"wrote {', '.join(str(options.out / file) for file in exported.files)}")


def _by_truth(verification: Verification) -> str:
    """Says how many blobs pass only because they are as near to float64 as torchcaffe in float32 is."""
    count = sum(check.difference.relative > verification.bar for check in verification.layers)
    return f"; {count} blobs beyond that are as near to float64 as torchcaffe is" if count else ""


def _verdict(verification: Verification) -> str:
    worst = verification.worst
    if worst is None:
        return f"{verification.engine}: the net has no blob to compare"
    return (
        f"{verification.engine} ({verification.version}): {len(verification.layers)} blobs, {verification.inputs} "
        f"inputs, largest relative difference from torchcaffe {worst.difference.relative:.1e} at {worst.layer} "
        f"(allowed {verification.bar:.0e}{_by_truth(verification)})"
        + (f"; {verification.note}" if verification.note else "")
    )
