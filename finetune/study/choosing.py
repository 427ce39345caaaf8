"""Settings are chosen on held-out training images, before any test image is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

from finetune.errors import ExperimentError
from finetune.study import runs as names
from finetune.study.file import Selection
from finetune.study.rows import Row
from finetune.study.runs import Run, read_json, write_json

Point = Mapping[str, Any]


def points_of(row: Row) -> list[dict[str, Any]]:
    """Every combination of the values of a grid; none where there is no grid."""
    if not row.grid:
        return []
    return [dict(zip(row.grid, values, strict=True)) for values in product(*row.grid.values())]


def score(result: Mapping[str, Any], criterion: str) -> float:
    """What the criterion says of a run on held-out images; below 0 where it diverged."""
    if "diverged" in result:
        return -1.0
    target = float(result["target_accuracy"])
    return target if criterion == "target" else (target + float(result["source_accuracy"])) / 2


def choose(run: Run, out: Path, selection: Selection) -> Point:
    """Choose the best point of a row's grid, and write it down with all others.

    Of equal points the first is taken.

    Parameters
    ----------
    run : any run of the row and direction; its points have been run.
    out : the study's folder.

    Returns
    -------
    The chosen values; empty where the row has no grid.

    Raises
    ------
    ExperimentError : all points diverged.
    """
    points = points_of(run.row)
    if not points:
        return {}
    results = []
    for number, point in enumerate(points):
        tried = run.at_point(number, point, selection)
        results.append(read_json(out / tried.folder / names.RESULT))
    scores = [score(result, selection.criterion) for result in results]
    best = max(range(len(points)), key=lambda number: scores[number])
    if scores[best] < 0:
        raise ExperimentError(f"{run.folder.parent}: all {len(points)} points of the grid diverged; give smaller rates")
    shown = ("source_accuracy", "target_accuracy", "source_images", "target_images", "diverged", "cpu_seconds")
    write_json(
        out / run.folder.parent / names.CHOICE,
        {
            "criterion": selection.criterion,
            "held_out_share": selection.share,
            "seed": selection.seed,
            "chosen": points[best],
            "points": [
                {"values": point, "score": value, **{key: result[key] for key in shown if key in result}}
                for point, value, result in zip(points, scores, results, strict=True)
            ],
        },
    )
    return points[best]
