"""Reads what the demo left in its folder and writes its report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch

from deepvis.model import Model, open_model
from entropy import Plan, read_plan
from entropy import folder as names
from finetune.crop_task import scene_crops
from finetune.errors import ExperimentError
from finetune.forgetting import movements, output_change
from finetune.photographs import indoor_photographs
from finetune.report import Run, checks, comparison_table, draw_losses, layer_table
from finetune.training_log import read_log
from prototxt.atomic import write_text
from prototxt.text import read_solver
from prototxt.weights import Weights, read_weights

DESCRIPTION = "demo.json"
LOGS = {"plain": "train_plain.log", "split": "train_split.log"}
SCENES = 120
TITLES = {"plain": "plain fine-tuning", "split": "a rate for every filter"}


def write_report(folder: Path) -> None:
    """Compare plain fine-tuning with per-filter rates, write ``summary.md`` and ``losses.png``, print the table.

    Raises
    ------
    ExperimentError : if the folder holds no demo, or a claim of the demo is not borne out; in the second case the
        report is written all the same and says which.
    """
    trainer = _read_description(folder)["trainer"]
    model = open_model(folder / "alexnet.prototxt")
    plan = read_plan(folder / names.PLAN)
    scenes = scene_crops(indoor_photographs(), SCENES)
    before = probabilities(model, model.weights, scenes)
    runs = {}
    trunks = _trained_trunks(folder, model)
    for kind, trained in trunks.items():
        # In plain fine-tuning every filter is free.
        rates = {name: r if kind == "split" else np.ones_like(r) for name, r in plan.multipliers.items()}
        log = read_log((folder / LOGS[kind]).read_text().splitlines())
        change = output_change(before, probabilities(model, trained, scenes))
        runs[kind] = Run(TITLES[kind], log, movements(model.weights, trained, rates), change)
    classes = (folder / "crops/classes.txt").read_text().splitlines()
    claims = checks(runs["plain"], runs["split"], 1 / len(classes))
    draw_losses(list(runs.values()), folder / "losses.png")
    table = comparison_table(list(runs.values()))
    lines = [f"- {'yes' if claim.holds else '**NO**'}: {claim.claim}" for claim in claims]
    whole = _layers_at_the_full_rate(model.weights, trunks["split"], plan)
    write_text(folder / "summary.md", _page(model, runs["split"], table, lines, plan, classes, trainer, whole))
    print(f"\n{table}\n\n" + "\n".join(lines))
    failed = [claim.claim for claim in claims if not claim.holds]
    if failed:
        raise ExperimentError(f"the demo did not show what it should: {'; '.join(failed)}; see {folder}/summary.md")


def describe(folder: Path, **facts: str) -> None:
    """Write down how the demo is run, for the report."""
    write_text(folder / DESCRIPTION, json.dumps(facts, indent=2) + "\n")


def _read_description(folder: Path) -> dict[str, str]:
    try:
        return json.loads((folder / DESCRIPTION).read_text())
    except OSError:
        raise ExperimentError(f"{folder}: holds no {DESCRIPTION}, so no demo was run there; run: make demo") from None


def _trained_trunks(folder: Path, model: Model) -> dict[str, Weights]:
    """The source model's weights after each run: its own head on what was trained."""
    iterations = read_solver(folder / names.SOLVER).max_iter
    plain = read_weights(folder / f"{names.PLAIN_PREFIX}_iter_{iterations}.caffemodel")
    return {
        "plain": {name: plain.get(name, blobs) for name, blobs in model.weights.items()},
        "split": read_weights(folder / "merged.caffemodel"),
    }


def _layers_at_the_full_rate(before: Weights, after: Weights, plan: Plan) -> list[str]:
    """Layers of the source net that learnt although the plan has no rates for them."""
    return [
        name
        for name, blobs in before.items()
        if name not in plan.multipliers and any(map(np.any, map(np.subtract, after[name], blobs)))
    ]


def probabilities(model: Model, weights: Weights, pictures: np.ndarray) -> np.ndarray:
    """Class probabilities that a model gives with other weights.

    Parameters
    ----------
    model : its net and preprocessing; the net's last output is taken to be probabilities.
    weights : in place of the model's own.
    pictures : (N, H, W, 3) uint8 RGB.

    Returns
    -------
    (N, classes) float32.
    """
    network = replace(model, weights=weights).network()
    blob = torch.from_numpy(np.stack([model.to_blob(picture) for picture in pictures]))
    with torch.inference_mode():
        return network.run({model.input: blob}, keep=[model.output])[model.output].flatten(1).numpy()


def _page(
    model: Model,
    rated: Run,
    table: str,
    claims: Sequence[str],
    plan: Plan,
    classes: Sequence[str],
    trainer: str,
    whole: Sequence[str],
) -> str:
    """The text of ``summary.md``."""
    free = rated.total("free")
    total = free + rated.total("frozen")
    template = files("finetune").joinpath("summary.md.template").read_text()
    return template.format(
        table=table,
        claims="\n".join(claims),
        layers=layer_table(rated),
        old_classes=len(model.classes),
        new_classes=len(classes),
        chance=1 / len(classes),
        whole="".join(f"{name}, " for name in whole),
        photographs=", ".join(classes),
        trainer=trainer,
        method=plan.method,
        formula=plan.formula,
        free=free,
        total=total,
        share=free / total,
        scenes=SCENES,
    )
