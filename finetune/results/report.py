"""The report of a study: what was compared, what came of it, and what may be concluded."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

from finetune.results.comparing import claims_of, judge
from finetune.results.document import Block, Heading, Items, Paragraph, Picture, to_html, to_latex, to_markdown
from finetune.results.figures import draw_confusions, draw_curves, draw_losses, draw_pareto
from finetune.results.reading import Results, read_results
from finetune.results.summary import summaries
from finetune.results.tables import choices_table, claims_table, columns_of, directions_table, main_table
from prototxt.common.atomic import write_text
from prototxt.common.progress import Progress, with_bar

REPORT, FIGURES = "report", "figures"
MANY = 2  # directions; more are shown side by side, too
MEANINGS = {
    "old task": "accuracy on all its test images, each once, in %; mean over seeds ± standard error of the mean",
    "new task": "the same of the new one; bold: the best value of a column",
    "forgotten": "accuracy on the old task before, less the accuracy now, in points (Avalanche's first less last)",
    "missing": "accuracy of a net that was trained for the new task alone, less the accuracy now (intransigence)",
    "joint loss": "the sum of both (Basarte 2019)",
    "recovered": "the share of what fine-tuning forgets that is not forgotten",
    "probe": "accuracy of a new linear classifier on the trunk's features, on the old task",
    "old, untold": "accuracy of a net with a gate that finds out itself which task an image belongs to",
    "new, untold": "the same of the new task",
    "CPU s": "of preparing, training and evaluating a run",
}
JUDGED = (
    "Intervals come from a paired bootstrap over test images and seeds. A claim is held where the whole interval lies "
    "above what it says, not held where it lies below, else undecided. They are not corrected for the number of "
    "claims: of 20 differences that are none, one is expected to be called held or not held."
)

CROSS_VALIDATION = (
    "Cross-validation: runs of different seeds are tested on different folds of the new task's images. Their training "
    "images overlap, so the standard errors are a little too small."
)


def write_report(out: Path, into: Path | None = None) -> list[Path]:
    """Do `writing_report` with a progress bar."""
    return with_bar(writing_report(out, into))


def writing_report(out: Path, into: Path | None = None) -> Generator[Progress, None, list[Path]]:
    """Write ``report.md``, ``report.html``, ``tables.tex`` and the figures of a study.

    Parameters
    ----------
    out : the study's folder; runs that are not finished are named in the report.
    into : folder that the report is written into, by default the study's.

    Returns
    -------
    The files.

    Raises
    ------
    ExperimentError : no study was run there, or a file in its folder cannot be read.
    """
    results, into = read_results(out), into or out
    claims, total = claims_of(results), len(results.directions) + len(claims_of(results))
    blocks = list(_beginning(results))
    for done, direction in enumerate(results.directions):
        yield Progress(done, total, "report: parts")
        blocks += _direction(results, direction, into / FIGURES)
    every = {direction: summaries(results, direction) for direction in results.directions}
    if len(every) > MANY:
        blocks += [Heading("All directions"), directions_table(every)]
    judged = []
    for done, (claim, direction) in enumerate(claims, len(results.directions)):
        yield Progress(done, total, "report: parts")
        judged.append(judge(results, claim, direction))
    if judged:
        blocks += [Heading("Claims"), claims_table(judged), Paragraph(JUDGED)]
    titles = [column.title for column in columns_of([row for rows in every.values() for row in rows])]
    blocks += [
        Heading("What the numbers mean"),
        Items(tuple(f"{title}: {MEANINGS[title]}" for title in titles)),
    ]
    blocks += [Heading("How it was made"), *_made(results)]
    yield Progress(total, total, "report: parts")
    files = {
        into / f"{REPORT}.md": to_markdown(blocks),
        into / f"{REPORT}.html": to_html(blocks),
        into / "tables.tex": to_latex(blocks),
    }
    for path, text in files.items():
        write_text(path, text)
    return [*files, *sorted((into / FIGURES).glob("*.png"))]


def _beginning(results: Results) -> Iterator[Block]:
    yield Heading(results.study.title or results.out.name, 1)
    if results.study.note:
        yield Paragraph(results.study.note.strip())
    if any(run.has_own_test for runs in results.runs.values() for run in runs):
        yield Paragraph(CROSS_VALIDATION)
    if results.missing:
        yield Paragraph(_missing(results))


def _made(results: Results) -> Iterator[Block]:
    """Where the runs were made, and what they took, those that chose settings among them."""
    runs = [run for found in results.runs.values() for run in found]
    points = [point for choice in results.choices.values() for point in choice["points"]]
    machines = sorted({run.result["machine"] for run in runs if "machine" in run.result})
    took = sum(run.result["cpu_seconds"] for run in runs), sum(point.get("cpu_seconds", 0.0) for point in points)
    yield Items(
        (
            f"{len(runs)} runs, {took[0]:.0f} CPU seconds; {len(points)} to choose settings, {took[1]:.0f} CPU seconds",
            f"seeds {', '.join(map(str, results.study.seeds))}; {results.study.selection.seed} to choose settings",
            *(f"machine: {machine}" for machine in machines),
        )
    )


def _missing(results: Results) -> str:
    total = len(results.missing) + sum(map(len, results.runs.values()))
    return (
        f"**Not finished: {len(results.missing)} of {total} runs**, the first {results.missing[0]}. What follows is of "
        "the others; rows may have fewer seeds than the study says."
    )


def _direction(results: Results, direction: str, figures: Path) -> Iterator[Block]:
    rows, baseline = summaries(results, direction), results.baselines[direction]
    yield Heading(direction)
    if not rows:
        yield Paragraph("No run is finished.")
        return
    target = "" if baseline.target is None else f", of a net for the new task alone {baseline.target:.2%}"
    yield main_table(rows, f"Accuracy of the source net on its task {baseline.source:.2%}{target}.")
    notes = _notes(results, direction)
    if notes:
        yield Items(notes)
    stem = figures / direction
    draw_losses(rows, stem.with_name(f"{direction}-losses"))
    yield Picture(f"{FIGURES}/{direction}-losses.png", "What was forgotten of the old task, and missing of the new one")
    draw_pareto(rows, baseline, stem.with_name(f"{direction}-pareto"))
    yield Picture(f"{FIGURES}/{direction}-pareto.png", "Both tasks; blue: no other row is better on both")
    if draw_curves(results, direction, stem.with_name(f"{direction}-curves")):
        yield Picture(f"{FIGURES}/{direction}-curves.png", "Over the iterations, the first seed of every row")
    if draw_confusions(results, direction, stem.with_name(f"{direction}-confusion")):
        yield Picture(
            f"{FIGURES}/{direction}-confusion.png", "New task: which class is taken for which, all runs of a row"
        )
    choices = choices_table(results, direction)
    if choices:
        yield choices


def _notes(results: Results, direction: str) -> tuple[str, ...]:
    """What the methods say of themselves, of the first run of every row."""
    return tuple(
        f"{row.title}: {'; '.join(runs[0].result['notes'])}"
        for row in results.rows
        if (runs := results.runs[direction, row.name]) and runs[0].result.get("notes")
    )
