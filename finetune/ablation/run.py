"""Run an ablation study: measure every net's filters, silence them, and keep what was computed."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from deepvis.model.model import Model, open_model
from deepvis.scan.run import scan
from entropy.measuring.measurement import measure
from entropy.measuring.measures import MEASURES, Source
from entropy.measuring.table import Table
from entropy.measuring.table_files import write_table
from finetune.ablation.curves import Ablation, Curve, computing_curves
from finetune.ablation.movement import Movement, computing_movement, relate
from finetune.ablation.settings import AblationStudy, NetSettings
from finetune.ablation.silencing import SilencedNet
from finetune.ablation.statistics import rank_correlation
from finetune.errors import ExperimentError
from finetune.tasks.images import PartImages
from finetune.tasks.opening import open_task
from finetune.tasks.pixels import blobs
from finetune.tasks.sources import place_of
from finetune.tasks.splits import per_class
from finetune.tasks.task import Part, Task
from prototxt.common.atomic import write_text
from prototxt.common.progress import Progress

H = "entropy"
SCAN, TABLE, CURVES, RESULT = "scan.h5", "entropy.csv", "curves.jsonl", "result.json"
HALVES_SEED = 0


@dataclass(frozen=True, eq=False)
class Ablated:
    """A net of a study that was run.

    Parameters
    ----------
    name : in the study.
    intact : accuracy with all filters, in [0, 1].
    images : of the test.
    table : of its filters.
    curves : accuracy with some of them silent.
    alike : Spearman's rank correlation of H with other measures, and with H measured in other ways: over the whole net,
        and the mean of those within layers.
    between : the mean within layers of the rank correlation of every two measures (H measured in one way).
    movement : what fine-tuning did to the filters; None where the study does not ask.
    """

    name: str
    intact: float
    images: int
    table: Table
    curves: list[Curve]
    alike: Mapping[str, tuple[float, float]]
    between: Mapping[str, Mapping[str, float]]
    movement: Movement | None = None


def running_ablation(study: AblationStudy, out: Path) -> Generator[Progress, None, list[Ablated]]:
    """Run what is not there yet of a study into ``out``: a folder for every net.

    Raises
    ------
    InputError : a net, its images or its layers cannot be used.
    """
    done = []
    for name, settings in study.nets.items():
        done.append((yield from _running_net(study, name, settings, out / name)))
    return done


def _running_net(
    study: AblationStudy, name: str, settings: NetSettings, folder: Path
) -> Generator[Progress, None, Ablated]:
    model = open_model(
        place_of(settings.model), place_of(settings.weights) if settings.weights else None, settings.preprocessing
    )
    task = open_task(name, settings.task, model.preprocessing, model.classes)
    learnt, test = _parts(name, settings, task)
    layers = list(settings.layers) or [each.name for each in model.unit_layers.values() if each.type == "Convolution"]
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / SCAN).is_file():
        images = PartImages(learnt)
        yield from scan(model, images, folder / SCAN, layers, importance=True, bottom=False, quantiles=False, top=1)
    table = measure(folder / SCAN, layers, bins=settings.bins, warn=False)
    write_table(table, folder / TABLE)
    net = SilencedNet(model, blobs(test.images, model.preprocessing))
    intact = float((net.scores({}).reshape(len(test), -1).argmax(1) == test.labels).mean())
    alone = layers if settings.layer_scopes is True else settings.layer_scopes or ()
    ablation = Ablation(study.measures, study.random, study.shares, (*study.scopes, *alone))
    curves = yield from computing_curves(ablation, net, test.labels, table, folder / CURVES)
    measures = _measures(model, table)
    others = {**measures, **_variants(study, folder, layers)}
    alike = {each: rank_correlation(table.h, scores, table) for each, scores in others.items() if each != H}
    between = {
        one: {other: rank_correlation(first, second, table)[1] for other, second in measures.items()}
        for one, first in measures.items()
    }
    result = {"intact": intact, "images": len(test), "filters": len(table), "alike": alike, "between": between}
    write_text(folder / RESULT, json.dumps(result, indent=1) + "\n")
    movement = yield from _moving(settings, model, replace(task, train=learnt, test=test), folder, table, others)
    return Ablated(name, intact, len(test), table, curves, alike, between, movement)


def _moving(
    settings: NetSettings, model: Model, source: Task, folder: Path, table: Table, scores: Mapping[str, np.ndarray]
) -> Generator[Progress, None, Movement | None]:
    """Fine-tune the net, where the study asks for it, and compare what its filters did with H and other measures."""
    wanted = settings.movement
    if wanted is None:
        return None
    target = open_task("new", wanted.task, model.preprocessing)
    files = yield from computing_movement(model, source, target, wanted, folder)
    name = Path(wanted.task.images or wanted.task.train or "").name
    yield Progress(0, 1, "movement: rank correlations")
    found = relate(name, wanted.seeds, files, table, scores)
    yield Progress(1, 1, "movement: rank correlations")
    return found


def _parts(name: str, settings: NetSettings, task: Task) -> tuple[Part, Part]:
    """The images that filters are measured on, and those that accuracy is asked of."""
    learnt, test = task.train, task.test
    if settings.halves:
        order = np.random.default_rng(HALVES_SEED).permutation(len(learnt))
        half = np.sort(order[: len(order) // 2]), np.sort(order[len(order) // 2 :])
        learnt, test = learnt.some(half[0]), learnt.some(half[1])
    if settings.test_images is not None:
        classes = len(np.unique(test.labels))
        if settings.test_images < classes:
            raise ExperimentError(
                f"net {name!r}: test_images is {settings.test_images} for {classes} classes; give more"
            )
        test = test.some(per_class(test.labels, settings.test_images // classes))
    return learnt, test


def _measures(model: Model, table: Table) -> dict[str, np.ndarray]:
    """H and the other measures of the filters, by their names in `entropy.measuring.measures.MEASURES`."""
    weight = MEASURES["weight"].scores(Source(table, weights=(model.net, model.weights)))
    found = {H: table.h, "mean": table.mean, "std": table.std, "weight": weight}
    return found | {name: each for name, each in (("taylor", table.taylor), ("mas", table.mas)) if each is not None}


def _variants(study: AblationStudy, folder: Path, layers: list[str]) -> dict[str, np.ndarray]:
    """H measured in other ways."""
    ways = study.variants.items()
    return {
        name: measure(folder / SCAN, layers, bins=way.bins, quantile=way.quantile, scope=way.scope, warn=False).h
        for name, way in ways
    }
