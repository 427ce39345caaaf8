"""A study's folder with made-up runs, whose numbers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from finetune.evaluation.right_answers import write_right
from finetune.evaluation.scores import Scores
from finetune.study.file import Study
from finetune.study.runs import write_json

IMAGES = {"source": 200, "target": 100}
SEEDS = (0, 1, 2)
# Accuracies on source and target of every row and seed.
ROWS = {
    "fine-tuning": [(0.30, 0.80), (0.32, 0.78), (0.28, 0.82)],
    "gentle": [(0.55, 0.79), (0.57, 0.77), (0.53, 0.81)],
    "alike": [(0.55, 0.80), (0.56, 0.77), (0.54, 0.81)],
}
BASELINE = {"a-b": 0.6, "b-a": 0.9}
CLAIMS = [
    {"better": "gentle", "than": "fine-tuning", "on": "source", "by": 10},
    {"better": "fine-tuning", "than": "gentle", "on": "source"},
    {"better": "gentle", "than": "alike", "on": "joint", "direction": "a-b", "words": "gentle forgets less"},
    {"better": "alike", "than": "gentle", "on": "source", "by": -5, "direction": "a-b"},
    {"better": "nobody", "than": "gentle", "direction": "a-b"},
]


def made_scores(accuracy: float, images: int, seed: int) -> Scores:
    """Scores of which exactly that share is right, wrong on random images."""
    random = np.random.default_rng(seed)
    labels = np.arange(images) % 4
    right = np.zeros(images, bool)
    right[random.permutation(images)[: round(accuracy * images)]] = True
    guessed = np.where(right, labels, (labels + 1) % 4)
    return Scores(np.eye(4, dtype=np.float32)[guessed] * 3, labels)


def write_run(folder: Path, row: str, seed: int, accuracies: tuple[float, float], **result) -> None:
    scores = {
        name: made_scores(accuracy, IMAGES[name], 10 * seed + len(row))
        for name, accuracy in zip(IMAGES, accuracies, strict=True)
    }
    write_right(folder / "right.json", scores)
    write_json(folder / "config.json", {"hash": row, "seed": seed, "row": row, "training": {"iterations": 20}})
    found = {f"{name}_accuracy": each.accuracy for name, each in scores.items()}
    fixed = {"hash": row, "cpu_seconds": 10.0 * (seed + 1), "added_weights": 1234, "learning_weights": 99, "notes": []}
    write_json(folder / "result.json", fixed | found | result)
    (folder / "log.jsonl").write_text(
        "".join(f'{{"iteration": {at}, "loss": {2 / at}, "source": 0.5, "target": {at / 50}}}\n' for at in (10, 20))
    )


@pytest.fixture
def study_folder(tmp_path) -> Path:
    methods = [
        {"method": "fine-tuning"},
        {"method": "fine-tuning", "name": "gentle", "title": "gentle & slow", "training": {"base_lr": 0.1}},
        {"method": "fine-tuning", "name": "alike", "training": {"base_lr": 0.2}},
    ]
    study = Study.model_validate(
        {
            "title": "made-up",
            "note": "Numbers that are known.",
            "seeds": SEEDS,
            "tasks": {"a": {"images": "a"}, "b": {"images": "b"}},
            "nets": {"a": {"model": "a", "task": "a"}, "b": {"model": "b", "task": "b"}},
            "directions": [{"from": "a", "to": "b"}, {"from": "b", "to": "a"}],
            "methods": methods,
            "claims": CLAIMS,
        }
    )
    write_json(tmp_path / "study.json", study.model_dump(mode="json", by_alias=True))
    for direction, baseline in BASELINE.items():
        write_json(tmp_path / direction / "baseline/result.json", {"source_accuracy": baseline})
        for row, accuracies in ROWS.items():
            for seed in SEEDS:
                write_run(tmp_path / direction / row / f"seed-{seed}", row, seed, accuracies[seed])
    write_json(
        tmp_path / "a-b/gentle/choice.json",
        {"chosen": {"base_lr": 0.1}, "points": [{"score": 0.5}, {"score": -1, "diverged": "x"}]},
    )
    return tmp_path
