"""How far two programs are apart, layer by layer, and whether that counts as equal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from converters.errors import ParityError


@dataclass(frozen=True)
class Difference:
    """How far two arrays are apart.

    Parameters
    ----------
    absolute : max|a - b|.
    relative : max|a - b| / max|b|, where b is PyTorch's.
    """

    absolute: float
    relative: float

    def __or__(self, other: Difference) -> Difference:
        return Difference(max(self.absolute, other.absolute), max(self.relative, other.relative))


@dataclass(frozen=True)
class LayerCheck:
    """One layer in one engine, the worst over all inputs.

    Parameters
    ----------
    layer : its name in the Caffe net.
    difference : the engine against PyTorch in float32.
    error : the engine against PyTorch in float64, which stands for the true result.
    float32_error : PyTorch in float32 against float64: what rounding alone does to this net.
    """

    layer: str
    difference: Difference
    error: Difference
    float32_error: Difference

    def passes(self, bar: float) -> bool:
        """Whether the engine is within ``bar`` of PyTorch, or as near to the truth as PyTorch itself.

        The second counts for nets that magnify rounding: there two right programs differ by more than any fixed bar.
        """
        return self.difference.relative <= bar or self.error.absolute <= 2 * self.float32_error.absolute

    def __or__(self, other: LayerCheck) -> LayerCheck:
        return LayerCheck(
            self.layer,
            self.difference | other.difference,
            self.error | other.error,
            self.float32_error | other.float32_error,
        )


@dataclass(frozen=True)
class Verification:
    """One engine's verdict.

    Parameters
    ----------
    engine : name in `ENGINES`.
    version : of the program.
    bar : largest relative difference that counts as equal.
    inputs : how many inputs were compared.
    layers : every compared layer, in the net's order; empty where the engine does not support the net.
    note : why it was not compared, or what was left out; "" otherwise.
    """

    engine: str
    version: str
    bar: float
    inputs: int
    layers: tuple[LayerCheck, ...] = ()
    note: str = ""

    @property
    def worst(self) -> LayerCheck | None:
        """The layer with the largest relative difference."""
        return max(self.layers, key=lambda check: check.difference.relative, default=None)

    @property
    def by_truth(self) -> tuple[LayerCheck, ...]:
        """Layers that pass only because they are as near to float64 as PyTorch's own float32."""
        return tuple(check for check in self.layers if check.difference.relative > self.bar and check.passes(self.bar))

    @property
    def diverging(self) -> LayerCheck | None:
        """The first layer, in the net's order, that does not pass."""
        return next((check for check in self.layers if not check.passes(self.bar)), None)


def difference(ours: np.ndarray, reference: np.ndarray) -> Difference:
    """How far ``ours`` is from ``reference``, of the same shape.

    Infinite if a value is not a number on one side alone; equal infinities are equal.
    """
    if not reference.size:
        return Difference(0.0, 0.0)
    ours, reference = ours.astype(np.float64), reference.astype(np.float64)
    same = (ours == reference) | (np.isnan(ours) & np.isnan(reference))
    with np.errstate(invalid="ignore"):
        distance = np.where(same, 0.0, np.abs(ours - reference))
    absolute = float(np.nan_to_num(distance, nan=np.inf).max())
    finite = np.abs(reference[np.isfinite(reference)])
    largest = float(finite.max()) if finite.size else 0.0
    return Difference(absolute, absolute / largest if largest else (np.inf if absolute else 0.0))


def check(verifications: Iterable[Verification]) -> None:
    """Refuse a conversion that some engine computes otherwise.

    Raises
    ------
    ParityError : naming the engine and the first layer that diverges.
    """
    for verification in verifications:
        check = verification.diverging
        if check:
            raise ParityError(
                f"{verification.engine} diverges from PyTorch, first at layer {check.layer!r}: relative difference "
                f"{check.difference.relative:.2e} (absolute {check.difference.absolute:.2e}), allowed "
                f"{verification.bar:.0e}; no files were written. Please report the model"
            )
