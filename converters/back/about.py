"""What people who get the written net should know of it, as text."""

from __future__ import annotations

import textwrap
from pathlib import Path

from converters.back.pytorch.expression import WIDTH
from converters.back.source_net import SourceNet
from prototxt.net.graph import Value
from prototxt.pixels.preprocess import Preprocessing


def about(source: SourceNet, batch_is_free: bool, preprocessing: Preprocessing | None, classes: Path | None) -> str:
    """Inputs, preprocessing, outputs, classes and what was left out; wrapped to lines."""
    first = "N" if batch_is_free else ""
    lines = [_blob("Input", source, value, first) for value in source.inputs]
    lines.append(f"Preprocessing: {pixels(preprocessing)}" if preprocessing else "Preprocessing: not known.")
    lines += [_blob("Output", source, value, first) for value in source.outputs]
    if classes:
        names = [line.strip() for line in classes.read_text(encoding="utf-8").splitlines() if line.strip()]
        shown = ", ".join(names[:5])
        lines.append(f"Classes: {len(names)}, in classes.txt ({shown}{', …' if len(names) > 5 else ''}).")
    lines += [f"Note: {note}." for note in source.notes]
    return "\n".join(part for line in lines for part in textwrap.wrap(line, WIDTH, subsequent_indent="    "))


def _blob(what: str, source: SourceNet, value: Value, first: str) -> str:
    shape = [str(size) for size in source.shapes.values[value]]
    if first and source.varies(value):
        shape[0] = first
    return f"{what}: {value.blob} ({', '.join(shape)})."


def pixels(preprocessing: Preprocessing) -> str:
    """A preprocessing in words, in its order."""
    steps = []
    if preprocessing.resize_to:
        size = "x".join(map(str, preprocessing.resize_to))
        steps.append(
            f"{preprocessing.resize} to {size}" if preprocessing.resize == "shorter side" else f"resize to {size}"
        )
    if preprocessing.crop:
        steps.append(f"cut {'x'.join(map(str, preprocessing.crop))} from the centre")
    steps.append(f"{preprocessing.channel_order}, pixels 0-255")
    if preprocessing.raw_scale != 1:
        steps.append(f"times {preprocessing.raw_scale:.6g}")
    if preprocessing.mean:
        steps.append(f"minus {_numbers(preprocessing.mean)}")
    if preprocessing.mean_image is not None:
        steps.append("minus a mean image")
    if preprocessing.std:
        steps.append(f"divided by {_numbers(preprocessing.std)}")
    return f"{'; '.join(steps)}."


def _numbers(values: tuple[float, ...]) -> str:
    return f"({', '.join(f'{value:.6g}' for value in values)})"
