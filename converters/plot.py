"""The error along the depth of a net, drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from converters.verdict import Verification
from prototxt.common.atomic import atomic_path

SMALLEST = 1e-9  # what is drawn for no difference: the axis is logarithmic


def draw_depth(
    path: Path, lines: Mapping[str, Sequence[float]], names: Sequence[str], bars: Mapping[str, float]
) -> None:
    """Draw relative differences along depth, on a logarithmic axis.

    Parameters
    ----------
    path : ``.png``, ``.svg`` or ``.pdf``.
    lines : relative differences in the order of ``names``, by legend.
    names : of the layers.
    bars : what is allowed, by legend; drawn as dashed lines.
    """
    from matplotlib.figure import Figure  # a second to import, which a conversion without a picture need not wait

    figure = Figure(figsize=(max(6, min(0.16 * len(names), 24)), 4.5), layout="constrained")
    axes = figure.subplots()
    for legend, values in lines.items():
        axes.plot([max(value, SMALLEST) for value in values], marker=".", label=legend)
    for legend, bar in bars.items():
        axes.axhline(bar, linestyle="--", color="grey", linewidth=0.8)
        axes.annotate(legend, (0, bar), fontsize=7, color="grey")
    axes.set_yscale("log")
    axes.set_ylabel("largest difference / largest value")
    step = max(1, len(names) // 80)
    axes.set_xticks(range(0, len(names), step), names[::step], rotation=90, fontsize=6)
    axes.legend(fontsize=7)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=path.suffix.removeprefix(".") or "png", dpi=150)


def draw_verifications(path: Path, verifications: Sequence[Verification]) -> bool:
    """Draw what a verification found; False where no engine gave a layer."""
    shown = [each for each in verifications if each.layers]
    if not shown:
        return False
    longest = max(shown, key=lambda each: len(each.layers))
    names = [check.layer for check in longest.layers]
    lines = {each.engine: _along(each, names) for each in shown}
    truth = {"PyTorch float32 from float64": [check.float32_error.relative for check in longest.layers]}
    draw_depth(path, {**lines, **truth}, names, {f"allowed in {each.engine}": each.bar for each in shown})
    return True


def _along(verification: Verification, names: Sequence[str]) -> list[float]:
    found = {check.layer: check.difference.relative for check in verification.layers}
    return [found.get(name, float("nan")) for name in names]
