"""Reads what the demo left in its folder and writes its report."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch

from deepvis.model.model import Model, open_model
from entropy import Plan, read_plan
from entropy.split_folder import folder as names
from finetune.demo.crop_task import scene_crops
from finetune.demo.photographs import indoor_photographs
from finetune.demo.report import Run, checks, comparison_table, draw_losses, layer_table
from finetune.errors import ExperimentError
from finetune.statistics.movement import movements, output_change
from finetune.training.program_log import read_log
from prototxt.common.atomic import write_text
from prototxt.common.progress import Progress, with_bar
from prototxt.formats.text import read_solver
from prototxt.formats.weights import Weights, read_weights

DESCRIPTION = "demo.json"
LOGS = {"plain": "train_plain.log", "split": "train_split.log"}
SCENES = 120
TITLES = {"plain": "plain fine-tuning", "split": "a rate for every filter"}


@dataclass(frozen=True, eq=False)
class Study:
    """What the demo did, read from its folder.

    Parameters
    ----------
    trainer : which program trained, a name in `finetune.training.programs.TRAINERS`.
    model : the source model, as it was converted.
    plan : the learning-rate multipliers.
    classes : names of the new task's classes.
    held_out : pictures of the new task's test.
    plain, rated : the two runs.
    whole : layers of the source model that learnt at the full rate in both, because the plan has no rates for them.
    """

    trainer: str
    model: Model
    plan: Plan
    classes: Sequence[str]
    held_out: int
    plain: Run
    rated: Run
    whole: Sequence[str]


def write_report(folder: Path) -> None:
    """Compare plain fine-tuning with per-filter rates, write ``summary.md`` and ``losses.png``, print the table.

    Raises
    ------
    ExperimentError : if the folder holds no whole demo, or a claim of the demo is not borne out; in the second case the
        report is written all the same and says which.
    """
    study = with_bar(comparing(folder))
    runs = (study.plain, study.rated)
    freezes = study.plan.threshold is not None or study.rated.total("frozen") > 0
    claims = checks(*runs, len(study.classes), study.held_out, freezes)
    draw_losses(runs, folder / "losses.png")
    table = comparison_table(runs)
    lines = "\n".join(f"- {'yes' if claim.holds else '**NO**'}: {claim.claim}" for claim in claims)
    write_text(folder / "summary.md", _page(study, table, lines))
    print(f"\n{table}\n\n{lines}")
    failed = [claim.claim for claim in claims if not claim.holds]
    if failed:
        raise ExperimentError(f"the demo did not show what it should: {'; '.join(failed)}; see {folder}/summary.md")


def comparing(folder: Path) -> Generator[Progress, None, Study]:
    """Read what the demo left, and ask the source model and both trained ones about the old task's pictures.

    Raises
    ------
    InputError : if the folder holds no whole demo.
    """
    trainer = _read_description(folder)
    model = open_model(folder / "alexnet.prototxt")
    plan = read_plan(folder / names.PLAN)
    classes, tests = (_read(folder / f"crops/{name}.txt").splitlines() for name in ("classes", "test"))
    trunks = _trained_trunks(folder, model)
    scenes = scene_crops(indoor_photographs(), SCENES)
    title, total = "compare: nets", 1 + len(trunks)
    yield Progress(0, total, title)
    before = probabilities(model, model.weights, scenes)
    runs = {}
    for done, (kind, trained) in enumerate(trunks.items(), 1):
        yield Progress(done, total, title)
        # In plain fine-tuning every filter is free.
        rates = {name: r if kind == "split" else np.ones_like(r) for name, r in plan.multipliers.items()}
        log = read_log(_read(folder / LOGS[kind]).splitlines())
        change = output_change(before, probabilities(model, trained, scenes))
        runs[kind] = Run(TITLES[kind], log, movements(model.weights, trained, rates), change)
    yield Progress(total, total, title)
    whole = _layers_at_the_full_rate(model.weights, trunks["split"], plan)
    return Study(trainer, model, plan, classes, len(tests), runs["plain"], runs["split"], whole)


def describe(folder: Path, **facts: str) -> None:
    """Write down how the demo is run, for the report."""
    write_text(folder / DESCRIPTION, json.dumps(facts, indent=2) + "\n")


def _read_description(folder: Path) -> str:
    """The trainer's name."""
    if not (folder / DESCRIPTION).is_file():
        raise ExperimentError(f"{folder}: holds no {DESCRIPTION}, so no demo was run there; run: make demo")
    try:
        return str(json.loads(_read(folder / DESCRIPTION))["trainer"])
    except (ValueError, KeyError, TypeError):
        raise ExperimentError(f"{folder / DESCRIPTION}: does not say how the demo was run; run: make demo") from None


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        raise ExperimentError(f"{path}: cannot be read, so the demo was not finished; run: make demo") from None


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


def _page(study: Study, table: str, claims: str) -> str:
    """The text of ``summary.md``."""
    free = study.rated.total("free")
    total = free + study.rated.total("frozen")
    shared = [photograph.name for photograph in indoor_photographs() if photograph.name in study.classes]
    template = files("finetune.demo").joinpath("summary.md.template").read_text()
    return template.format(
        table=table,
        claims=claims,
        layers=layer_table(study.rated),
        old_classes=len(study.model.classes),
        new_classes=len(study.classes),
        chance=1 / len(study.classes),
        whole=", ".join([*study.whole, "the new head"]),
        photographs=", ".join(study.classes),
        trainer=study.trainer,
        method=study.plan.method,
        formula=study.plan.formula,
        free=free,
        total=total,
        share=free / total,
        scenes=SCENES,
        shared=f" Also among those of the new task: {', '.join(shared)}." if shared else "",
    )
