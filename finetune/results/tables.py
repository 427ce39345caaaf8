"""The tables of a study's report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from finetune.results.comparing import Judged
from finetune.results.document import Table
from finetune.results.reading import Results
from finetune.results.summary import Mean, Summary
from finetune.study.file import Claim


@dataclass(frozen=True)
class Column:
    """A column of the main table.

    Parameters
    ----------
    title : of the column.
    value : of a row; None for an empty cell.
    percent : whether it is shown in percent.
    best : whether the largest (1) or the smallest (-1) value stands out; 0 for none.
    """

    title: str
    value: Callable[[Summary], Mean | None]
    percent: bool = True
    best: int = 0


COLUMNS = (
    Column("old task", lambda row: row.source, best=1),
    Column("new task", lambda row: row.target, best=1),
    Column("forgotten", lambda row: row.source_loss),
    Column("missing", lambda row: row.target_loss),
    Column("joint loss", lambda row: row.joint_loss, best=-1),
    Column("recovered", lambda row: row.recovered),
    Column("probe", lambda row: row.probe),
    Column("old, untold", lambda row: row.source_untold),
    Column("new, untold", lambda row: row.target_untold),
    Column("CPU s", lambda row: row.seconds, percent=False),
)


def columns_of(rows: Sequence[Summary]) -> list[Column]:
    """The columns in which some row has a value."""
    return [column for column in COLUMNS if any(column.value(row) for row in rows)]


def main_table(rows: Sequence[Summary], caption: str) -> Table:
    """What every row came to; columns without any value are left out."""
    columns = columns_of(rows)
    bold = frozenset(
        (number, place) for place, column in enumerate(columns, 2) if column.best for number in _best(rows, column)
    )
    cells = [
        (
            row.row,
            row.title,
            *(_cell(column.value(row), column.percent) for column in columns),
            f"{row.added_weights:,}".replace(",", " "),
            f"{row.seeds}" + (f" ({row.diverged} diverged)" if row.diverged else ""),
        )
        for row in rows
    ]
    head = ("row", "method", *(column.title for column in columns), "new weights", "seeds")
    return Table(head, tuple(cells), caption, bold)


def directions_table(rows: Mapping[str, Sequence[Summary]]) -> Table:
    """Accuracy on the new task of every row in every direction: a column for each.

    Parameters
    ----------
    rows : direction to its rows.
    """
    titles = {row.row: row.title for each in rows.values() for row in each}
    known = {(direction, row.row): row.target for direction, each in rows.items() for row in each}
    cells = tuple(
        (name, title, *(_cell(known.get((direction, name)), True) for direction in rows))
        for name, title in titles.items()
    )
    caption = "Accuracy on the new task in %; mean over seeds ± standard error of the mean."
    return Table(("row", "method", *rows), cells, caption)


def _best(rows: Sequence[Summary], column: Column) -> list[int]:
    """Numbers of the rows whose value is the best as it is shown."""
    values = {n: round(1000 * mean.value * column.best) for n, row in enumerate(rows) if (mean := column.value(row))}
    return [number for number, value in values.items() if value == max(values.values())]


def _cell(mean: Mean | None, percent: bool) -> str:
    if mean is None:
        return "–"
    factor, digits = (100, 1) if percent else (1, 0)
    error = "" if mean.error != mean.error else f" ± {factor * mean.error:.{digits}f}"
    return f"{round(factor * mean.value, digits) + 0.0:.{digits}f}{error}"  # + 0.0: no minus before a zero


def claims_table(judged: Sequence[Judged]) -> Table:
    """The claims and what the runs say to them."""
    cells = []
    for each in judged:
        claim = each.claim
        named = f"{claim.words} ({statement(claim)})" if claim.words else statement(claim)
        words = [named, each.direction]
        if each.compared is None:
            cells.append((*words, "–", "–", "–", each.word))
            continue
        found = each.compared.difference
        interval = f"{found.low:+.2f} to {found.high:+.2f}"
        cells.append((*words, f"{found.value:+.2f}", interval, str(len(each.compared.seeds)), each.word))
    head = ("claim", "direction", "difference", "95 % interval", "seeds", "verdict")
    return Table(head, tuple(cells), "Differences of accuracies in percentage points.")


def statement(claim: Claim) -> str:
    """A claim by the names of its rows."""
    by = f" by {claim.by:g} points" if claim.by > 0 else f" (not worse by {-claim.by:g})" if claim.by < 0 else ""
    return f"{claim.better} better than {claim.than} on {claim.on}{by}"


def choices_table(results: Results, direction: str) -> Table | None:
    """What was chosen on held-out training images, and among how many points."""
    cells = []
    for row in results.rows:
        choice = results.choices.get((direction, row.name))
        if choice:
            values = ", ".join(f"{key} {value}" for key, value in choice["chosen"].items())
            best = max(point["score"] for point in choice["points"])
            diverged = sum("diverged" in point for point in choice["points"])
            cells.append((row.title, values, f"{100 * best:.1f}", str(len(choice["points"])), str(diverged)))
    if not cells:
        return None
    caption = f"Chosen on held-out training images by the criterion {results.study.selection.criterion}."
    return Table(("method", "chosen", "score", "points", "diverged"), tuple(cells), caption)
