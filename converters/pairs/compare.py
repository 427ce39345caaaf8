"""Two programs value by value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from converters.errors import ConversionError
from converters.example_inputs import example_inputs
from converters.pairs.program import Program
from converters.verdict import Difference, difference


@dataclass(frozen=True)
class Comparison:
    """How far the second program is from the first.

    Parameters
    ----------
    values : difference by name, in the first program's order, of what both have under one name; then the outputs.
    bar : largest relative difference that counts as equal.
    """

    values: dict[str, Difference]
    bar: float

    @property
    def diverging(self) -> str:
        """The first value that differs by more, "" for none."""
        return next((name for name, found in self.values.items() if not found.relative <= self.bar), "")

    def sentence(self) -> str:
        """What was found, in a line."""
        worst = max(self.values, key=lambda name: self.values[name].relative)
        largest = f"largest relative difference {self.values[worst].relative:.1e} at {worst} (allowed {self.bar:.0e})"
        first = f"; the first that diverges is {self.diverging}" if self.diverging else ""
        return f"{len(self.values)} values compared, {largest}{first}"


def compare(
    first: Program, second: Program, feeds: Sequence[Mapping[str, np.ndarray]] = (), bar: float = 1e-4
) -> Comparison:
    """Run both programs with the same inputs.

    Parameters
    ----------
    feeds : arrays by input, run by run; by default `example_inputs` of the shapes that one of the programs says.
    bar : largest relative difference that counts as equal.

    Raises
    ------
    ConversionError : if neither says its shapes, or they give different numbers or sizes of outputs.
    """
    feeds = feeds or _examples(first.inputs or second.inputs)
    values: dict[str, Difference] = {}
    for feed in feeds:
        ours, theirs = first.values(feed), second.values(feed)
        pairs = [(name, ours[name], theirs[name]) for name in ours if name in theirs]
        for name, reference, array in [*pairs, *_outputs(first, second, feed)]:
            if array.size == reference.size:
                found = difference(array.reshape(reference.shape), reference)
                values[name] = values[name] | found if name in values else found
    return Comparison(values, bar)


def _outputs(
    first: Program, second: Program, feed: Mapping[str, np.ndarray]
) -> list[tuple[str, np.ndarray, np.ndarray]]:
    ours, theirs = first.outputs(feed), second.outputs(feed)
    if [array.size for array in ours] != [array.size for array in theirs]:
        shapes = [" and ".join(str(array.shape) for array in arrays) for arrays in (ours, theirs)]
        raise ConversionError(
            f"{first.title} gives {shapes[0]}, but {second.title} {shapes[1]}; compare programs that give the same"
        )
    return [(f"output {index}", *pair) for index, pair in enumerate(zip(ours, theirs, strict=True))]


def _examples(shapes: Mapping[str, tuple[int, ...]]) -> list[dict[str, np.ndarray]]:
    if not shapes:
        raise ConversionError("neither program says the shape of its input; give --input-shape 1,3,224,224")
    arrays = {name: example_inputs(shape, number) for number, (name, shape) in enumerate(shapes.items())}
    return [{name: found[run] for name, found in arrays.items()} for run in range(2)]
