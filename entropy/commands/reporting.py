"""What the commands print: tables of plain text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from entropy.measuring.measures import MEASURES
from entropy.measuring.table import Table
from entropy.planning.learning import Learning
from entropy.planning.plan import Plan
from entropy.split_folder import folder as names
from entropy.split_folder.checking import Found
from entropy.split_folder.gradients import Gradients
from entropy.split_folder.merging import Merged
from entropy.split_folder.preservation import Preserved
from entropy.split_folder.repairing import Repaired
from entropy.split_folder.writing import Written
from prototxt.common.errors import NetError


def text_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Lay out a table: the first column to the left, the others to the right."""
    cells = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = ["  ".join(f"{c:<{w}}" if n == 0 else f"{c:>{w}}" for n, (c, w) in enumerate(zip(row, widths, strict=True)))
             for row in cells]  # fmt: skip
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def describe_table(table: Table) -> str:
    """Summarise H per layer."""
    rows = []
    for name in table.layers:
        part = table.of_layer(name)
        h = part["h"]
        quartiles = [f"{value:.3f}" for value in np.quantile(h, (0, 0.25, 0.5, 0.75, 1))]
        tied = int((part["ties"] > 0).sum())
        top = f"{table.provenance.ranges[name][1]:.4g}" if table.provenance.scope != "neuron" else "own"
        rows.append([name, len(h), top, *quartiles, tied, int(part["dead"].sum())])
    source = table.provenance
    header = ["layer", "filters", "range to", "H min", "25 %", "median", "75 %", "max", "tied", "dead"]
    bins = " to ".join(f"{number}" for number in dict.fromkeys((table.bins.min(), table.bins.max())))
    summary = f"{len(table)} filters, {source.images} images, {bins} bins; H in bits (at most "
    dead = int(table.dead.sum())
    lines = [text_table(header, rows), f"{summary}{np.log2(table.bins.max()):.3g})"]
    if source.interval is not None and table.h_low is not None and table.h_high is not None:
        width = float(np.median(table.h_high - table.h_low))
        lines.append(
            f"{source.interval.confidence:.0%} intervals from {source.interval.resamples} resampled data sets; median "
            f"width {width:.3f} bits"
        )
    if dead:
        lines.append(
            f"{dead} filters were never active: H is 0, so a threshold frees them, but they may have no gradient to "
            "learn from"
        )
    return "\n".join(lines)


def describe_plan(plan: Plan) -> str:
    """Summarise a plan: free filters, levels and the quantiser's error per layer."""
    rows = []
    for name, rates in plan.multipliers.items():
        error, levels = plan.errors[name], len(np.unique(rates))
        free, mean = int((rates > 0).sum()), f"{rates.mean():.3f}"
        rows.append([name, len(rates), free, levels, mean, f"{error.rms:.4f}", f"{error.largest:.4f}"])
    header = ["layer", "filters", "free", "levels", "mean rate", "RMS error", "max error"]
    total = sum(map(len, plan.multipliers.values()))
    free = round(plan.share_free * total)
    lines = [
        text_table(header, rows),
        f"method {plan.method}: {plan.formula}" if plan.method else f"function: {plan.formula}",
    ]
    if plan.by != "entropy":
        lines.append(
            f"in place of H: {MEASURES[plan.by].what}" + (f", seed {plan.seed}" if plan.by == "random" else "")
        )
    wanted = "" if plan.share_wanted is None else f", solved for {plan.share_wanted:.2%}"
    wanted = wanted if plan.quantile is None else f", the {plan.quantile:g} quantile"
    for where, value in ({"": plan.threshold} if plan.threshold is not None else plan.thresholds).items():
        lines.append(f"threshold {f'of {where} ' * bool(where)}{value:.6g} {MEASURES[plan.by].unit}{wanted}")
    lines.append(f"free: {free} of {total} filters, {plan.share_free:.2%}")
    return "\n".join(lines)


def describe_learning(learning: Sequence[Learning]) -> str:
    """List every layer with parameters and how it learns."""
    rows = []
    for each in learning:
        free = "" if each.free is None else f"{each.free} of {each.units}"
        rates = " / ".join(f"{rate:g}" for rate in each.lr_mults) if each.how != "statistics" else ""
        rows.append([each.layer, each.type, each.how, free, rates])
    return text_table(["layer", "type", "learns", "free", "lr_mult"], rows)


def describe_written(written: Written) -> str:
    """Summarise what `write` made; ends with the command to type."""
    counts = {layer.layer: layer for layer in written.plan.split}
    rows = []
    for name, rates in written.plan.multipliers.items():
        parts = len(counts[name].parts) if name in counts else 1
        error = written.plan.errors[name]
        rows.append([name, len(rates), int((rates > 0).sum()), parts, f"{error.rms:.4f}", f"{error.largest:.4f}"])
    header = ["layer", "filters", "free", "parts", "RMS error", "max error"]
    before, after = len(written.plain.layer), len(written.split.net.layer)
    return "\n".join(
        [
            *([text_table(header, rows), ""] if rows else []),
            describe_learning(written.learning),
            f"layers: {before} before, {after} after the split",
            _describe_cost(written),
            *(f"note: {note}" for note in written.notes),
            f"check it with: python -m entropy check {written.folder}",
            "train it with:",
            f"  {written.command}",
        ]
    )


def _describe_cost(written: Written) -> str:
    try:
        plain, split = written.costs
    except NetError as error:  # all is written by now; a shape that only Caffe will know is no reason to fail
        return f"expected cost of a step: not known ({error})"
    counts = f"{split.multiply_adds / 1e9:.3g} G multiply-adds instead of {plain.multiply_adds / 1e9:.3g} G"
    return f"expected cost of a step: {counts}, {split.total / plain.total:.2f} of the plain net's time (CPU)"


def describe_checked(found: Found) -> str:
    """One line for what was found in one engine."""
    if isinstance(found, Gradients):
        idle = f", {found.idle:,} of them 0 on this batch" if found.idle else ""
        return (
            f"{found.engine}: gradients of {found.filters:,} free filters are the plain net's{idle}; "
            f"relative difference {found.difference:.1e}"
        )
    if isinstance(found, Preserved):
        return f"{found.engine}: all {found.tops} blobs of the old net are bit-identical in the net with both heads"
    losses = f"loss {found.plain:.6g} plain, {found.split:.6g} split"
    return f"{found.engine}: {losses}; relative difference {found.difference:.1e}"


def describe_merged(merged: Merged) -> str:
    """Summarise what training changed and which files hold the result."""
    rows = [[c.layer, c.frozen, c.free, c.moved, f"{c.largest:.3g}"] for c in merged.changes]
    header = ["layer", "frozen", "free", "of which moved", "largest change"]
    lines = [text_table(header, rows), ""] if rows else []
    lines += [describe_learning(merged.learning), *merged.notes]
    return "\n".join([*lines, *(f"{path}: {what}" for path, what in merged.files.items())])


def describe_repaired(done: Repaired, net: Path) -> str:
    """Say what the old task does without, what that cost, and how to go on."""
    lines = [f"{name}: the old task does without {len(each)} filters" for name, each in done.filters.items()]
    lines += [f"{name}: {number:,} weights that read them are cut to zero" for name, number in done.cut.items()]
    if done.accuracies:
        parts = ", ".join(f"{value:.2%} {name}" for name, value in done.accuracies.items())
        lines.append(f"accuracy on {done.test_pictures:,} test pictures of the old task: {parts}")
    lines += [f"note: {note}" for note in done.notes]
    weights, freed = done.folder / names.REPAIRED, done.folder / names.FREED
    lines += [
        f"{weights}: the old net after {done.iterations} iterations of repair",
        "give the filters to a new task with:",
        f"  python -m entropy write --net {net} --weights {weights} --free {freed} --images LIST --head NAME --out RUN",
    ]
    return "\n".join(lines)
