"""The report of an ablation: tables and a figure for every net, and what follows for each measure."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from finetune.ablation.curves import EACH, WHOLE, Curve
from finetune.ablation.movement_report import draw_movement, movement_section
from finetune.ablation.order import HIGHEST_FIRST, RANDOM
from finetune.ablation.run import Ablated
from finetune.ablation.settings import AblationStudy
from finetune.ablation.statistics import Standing, standings
from finetune.ablation.titles import title_of
from prototxt.common.atomic import write_bytes, write_text

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")  # Okabe and Ito 2008


def write_report(study: AblationStudy, nets: Sequence[Ablated], out: Path) -> list[Path]:
    """Write ``README.md``, and for every net a figure of its curves and, where it was trained, one of movement.

    Returns
    -------
    The files.
    """
    files = [out / "README.md"]
    parts = [f"# {study.title}\n", f"{study.note.strip()}\n" if study.note else "", _how_to_read(study)]
    for net in nets:
        figure = out / f"{net.name}.png"
        draw_curves(net, figure)
        files.append(figure)
        parts += [_section(study, net, figure.name)]
        if net.movement is not None:
            figure = out / f"{net.name}-movement.png"
            draw_movement(net.movement, net.table.h, figure)
            files.append(figure)
            parts += [movement_section(net.movement, figure.name)]
    write_text(files[0], "\n".join(part for part in parts if part))
    return files


def draw_curves(net: Ablated, file: Path) -> None:
    """Draw accuracy against the share of silenced filters, a panel for every scope; random orders as a band."""
    scopes = list(dict.fromkeys(curve.scope for curve in net.curves))
    columns = min(4, len(scopes))
    rows = -(-len(scopes) // columns)
    figure = Figure(figsize=(3.1 * columns, 2.5 * rows + 0.5), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for axis, scope in zip(axes, scopes, strict=False):
        within = [curve for curve in net.curves if curve.scope == scope]
        _draw_random(axis, [curve for curve in within if curve.measure == RANDOM])
        measures = [curve for curve in within if curve.measure != RANDOM]
        for colour, curve in zip(COLOURS, measures, strict=False):
            line = "--" if curve.measure.startswith(HIGHEST_FIRST) else "-"
            points = 100 * np.array([net.intact, *curve.accuracy])
            axis.plot([0, *curve.shares], points, line, color=colour, linewidth=1.3, label=title_of(curve.measure))
        axis.set_title(scope, fontsize=9, loc="left")
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
    for axis in axes[len(scopes) :]:
        axis.set_visible(False)
    figure.supxlabel("share of the filters that is silenced", fontsize=9)
    figure.supylabel("accuracy (%)", fontsize=9)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, fontsize=8, frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    write_bytes(file, buffer.getvalue())


def _draw_random(axis: object, curves: Sequence[Curve]) -> None:
    if curves:
        values = 100 * np.array([curve.accuracy for curve in curves])
        shares = curves[0].shares
        axis.fill_between(  # type: ignore[attr-defined]
            shares, values.min(0), values.max(0), color="0.85", label=f"random ({len(curves)} orders)"
        )
        axis.plot(shares, values.mean(0), color="0.55", linewidth=1)  # type: ignore[attr-defined]


def _how_to_read(study: AblationStudy) -> str:
    shares = f"{study.shares[0]:.0%} to {study.shares[-1]:.0%}"
    return f"""Filters are silenced (their maps are 0 behind the activation) in the order of a measure, lowest first,
{shares} of them; nothing is trained. A table shows the mean accuracy over these shares. A measure is **better**
(worse) than random where fewer than 1 of 20 orders, {study.random} random ones and its own, keep as much (as little):
a permutation test, one for every cell and not corrected for their number.
"""


def _section(study: AblationStudy, net: Ablated, figure: str) -> str:
    found = standings(net.curves)
    intact = f"{net.intact:.1%} of {net.images} images with all {len(net.table)} filters."
    rows = [f"| {title_of(other)} | {whole:.2f} | {within:.2f} |" for other, (whole, within) in net.alike.items()]
    lines = [
        *(
            f"## {net.name}",
            "",
            intact,
            "",
            f"![curves]({figure})",
            "",
            *_standings_table(found),
            "",
            *_of_h(found),
            "",
        ),
        "Rank correlation of H with other measures, and with H measured in other ways:",
        *("", "| | whole net | mean within layers |", "|---|---:|---:|", *rows, "", *_between(net)),
    ]
    return "\n".join(lines) + "\n"


def _between(net: Ablated) -> list[str]:
    """The table of all measures against each other."""
    names = list(net.between)
    return [
        "Rank correlations of all measures with each other, mean within layers:",
        "",
        "| | " + " | ".join(map(title_of, names)) + " |",
        "|---|" + "---:|" * len(names),
        *(
            f"| {title_of(one)} | " + " | ".join(f"{net.between[one][other]:.2f}" for other in names) + " |"
            for one in names
        ),
    ]


def _standings_table(found: Sequence[Standing]) -> list[str]:
    scopes = list(dict.fromkeys(each.scope for each in found))
    cells = {(each.measure, each.scope): each for each in found}
    lines = ["| silenced by | " + " | ".join(scopes) + " |", "|---|" + "---:|" * len(scopes)]
    for measure in dict.fromkeys(each.measure for each in found):
        row = [_cell(cells[measure, scope]) for scope in scopes]
        lines.append(f"| {title_of(measure)} | " + " | ".join(row) + " |")
    means = [next(each for each in found if each.scope == scope) for scope in scopes]
    row = [f"{each.random_mean:.1%} ({each.random_low:.1%} … {each.random_high:.1%})" for each in means]
    return [*lines, "| random orders | " + " | ".join(row) + " |"]


def _cell(standing: Standing) -> str:
    text = f"{standing.kept:.1%}"
    return {"better": f"**{text}** better", "worse": f"{text} worse"}.get(standing.verdict, text)


def _of_h(found: Sequence[Standing]) -> list[str]:
    """What the table says of H, in words."""
    of_h = [each for each in found if each.measure == "entropy"]
    wide = [each for each in of_h if each.scope in (WHOLE, EACH)]
    layers = [each for each in of_h if each.scope not in (WHOLE, EACH)]
    words = [f"{each.scope}: {each.verdict} ({100 * each.gain:+.1f} points against random)" for each in wide]
    if layers:
        counts = [f"{sum(each.verdict == verdict for each in layers)} {verdict}" for verdict in ("better", "worse")]
        words.append(f"single layers: {', '.join(counts)}, of {len(layers)}")
    return ["H, lowest first: " + "; ".join(words) + "."] if words else []
