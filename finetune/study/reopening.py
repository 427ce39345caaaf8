"""A run of a study opened again: its net with the weights that it has by now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from finetune.errors import ExperimentError
from finetune.evaluation.trained import TrainedHead
from finetune.methods import METHODS
from finetune.study import runs as names
from finetune.study.file import Direction, Study
from finetune.study.material import Material, Opened
from finetune.study.running import STUDY, read_back
from finetune.study.runs import read_json
from finetune.tasks.cache import CACHE
from finetune.training.checkpoint import read_state
from finetune.training.prepared import Prepared, Setting
from finetune.training.settings import TrainingSettings
from prototxt.formats.weights import Weights, read_weights


@dataclass(frozen=True, eq=False)
class Reopened:
    """A run and what it has come to.

    Parameters
    ----------
    config : its ``config.json``.
    material : of its direction.
    prepared : the net that is trained, with both heads.
    weights : of all its layers: the kept ones of a finished run, or those of its newest checkpoint.
    iteration : that they are from.
    """

    config: dict[str, Any]
    material: Material
    prepared: Prepared
    weights: Weights
    iteration: int

    @property
    def heads(self) -> dict[str, TrainedHead]:
        """The old head as ``source``, the new one as ``target``."""
        outputs = {"source": self.prepared.old_output, "target": self.prepared.new_output}
        pixels = self.material.model.preprocessing
        return {name: TrainedHead(self.prepared.net, self.weights, out, pixels) for name, out in outputs.items()}


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run."""
    return (folder / names.CONFIG).is_file()


def study_of(folder: Path) -> tuple[Study, Path]:
    """The study that a run belongs to, and its folder; an `ExperimentError` if there is none above."""
    for above in folder.absolute().parents:
        if (above / STUDY).is_file():
            return read_back(above), above
    raise ExperimentError(f"{folder}: no folder above it is that of a study ({STUDY}); was it moved?")


def reopen(folder: Path, cache: Path = CACHE) -> Reopened:
    """Open a run again.

    Raises
    ------
    ExperimentError : it has neither weights nor a checkpoint.
    """
    study, out = study_of(folder)
    config = read_json(folder / names.CONFIG)
    direction = next((each for each in study.directions if each.folder == config["direction"]), None)
    if direction is None:
        raise ExperimentError(f"{folder}: the study has no direction {config['direction']!r} any more")
    material = Opened(study, out, cache).material(direction)
    material = replace(material, target=material.target.for_run(config["seed"]))
    prepared = _prepare(config, material, folder, direction)
    state = read_state(folder / names.CHECKPOINT)
    if (folder / names.WEIGHTS).is_file():
        weights = read_weights(folder / names.WEIGHTS, prepared.net)
        return Reopened(config, material, prepared, weights, _iteration(folder, config))
    if state is None:
        raise ExperimentError(
            f"{folder}: has no weights: a run that is training has a checkpoint after "
            f"{TrainingSettings().checkpoint_seconds:g} seconds, a finished one keeps its weights when the study says "
            "weights = true under [evaluation]"
        )
    weights = {name: [blob.numpy() for blob in blobs] for name, blobs in state.parameters.items()}
    return Reopened(config, material, prepared, weights, state.place.iteration)


def _iteration(folder: Path, config: dict[str, Any]) -> int:
    """The iteration that the kept weights are from: the last one, or the best one of a run that could stop early."""
    result = read_json(folder / names.RESULT) if (folder / names.RESULT).is_file() else {}
    return int(result.get("best_iteration", config["training"]["iterations"]))


def _prepare(config: dict[str, Any], material: Material, folder: Path, direction: Direction) -> Prepared:
    source, target = material.source, material.target
    if config["held_out"]:
        source, target = (task.held_out(*config["held_out"]) for task in (source, target))
    rates = config["head_rates"]
    setting = Setting(
        material.model,
        source,
        target,
        material.measured,
        head_rates=(rates[0], rates[1]),
        seed=config["seed"],
        folder=folder,
        training=TrainingSettings.model_validate(config["training"]),
    )
    return METHODS[config["method"]](setting, **config["options"])
