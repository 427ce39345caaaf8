"""What a study file says of an ablation."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from entropy.measuring.histograms import DEFAULT_BINS, DEFAULT_QUANTILE
from finetune.ablation.curves import EACH, WHOLE
from finetune.errors import ExperimentError
from finetune.study.spelling import refusal
from finetune.tasks.opening import TaskSettings
from finetune.training.settings import TrainingSettings

Share = Annotated[float, Field(gt=0, le=1)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MovementSettings(_Section):
    """A plain fine-tuning of the net, after which it is asked whether H had said which filters would move.

    Parameters
    ----------
    task : the images that it learns.
    seeds : of the trainings.
    training : how.
    """

    task: TaskSettings
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (1, 2, 3)
    training: TrainingSettings = TrainingSettings()


class NetSettings(_Section):
    """A net and the images that it is asked about.

    Parameters
    ----------
    model, weights, preprocessing : as `deepvis.model.model.open_model` takes them; what is not found here is looked for
        in ``$DEEPVIS_DATA``.
    task : the images. The measures come from the training images; accuracy is that on the test images.
    halves : of a data set without a test part and with few images of a class: the measures come from a random half of
        the images, accuracy is that on the other half.
    bins : of the histograms of H.
    test_images : at most so many test images, of every class alike.
    layers : layers whose filters are silenced; empty for all convolutions.
    layer_scopes : whether there is a curve of every layer alone; or of which.
    movement : a fine-tuning whose changes of the filters are compared with the measures; None for none.
    """

    model: str
    weights: str | None = None
    preprocessing: Path | None = None
    task: TaskSettings
    halves: bool = False
    bins: Annotated[int, Field(ge=2)] = DEFAULT_BINS
    test_images: Annotated[int, Field(ge=1)] | None = None
    layers: tuple[str, ...] = ()
    layer_scopes: bool | tuple[str, ...] = True
    movement: MovementSettings | None = None


class HSettings(_Section):
    """Another way to measure H, whose order of the filters is compared with the usual one."""

    bins: Annotated[int, Field(ge=2)] = DEFAULT_BINS
    quantile: Annotated[float, Field(gt=0.5, le=1)] = DEFAULT_QUANTILE
    scope: Literal["layer", "network", "neuron"] = "layer"


class AblationStudy(_Section):
    """A study of silenced filters.

    Parameters
    ----------
    kind : tells such a study from one of training.
    title, note : for the report.
    measures : what orders the filters; a ``-`` before a name silences the highest first.
    random : random orders to compare with, for every scope.
    shares : of silenced filters.
    scopes : besides those of single layers.
    nets : by name.
    variants : other ways to measure H, by name.
    """

    kind: Literal["ablation"]
    title: str
    note: str = ""
    measures: tuple[str, ...] = ("entropy", "-entropy", "mean", "std", "weight", "taylor", "mas")
    random: Annotated[int, Field(ge=0)] = 20
    shares: tuple[Share, ...] = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
    scopes: tuple[Literal["whole net", "each layer alike"], ...] = (WHOLE, EACH)  # type: ignore[assignment]
    nets: dict[str, NetSettings]
    variants: dict[str, HSettings] = {}


def read_ablation(file: Path) -> AblationStudy:
    """Read a study file.

    Raises
    ------
    ExperimentError : the file cannot be read, or says what the study does not know; names key and what is allowed.
    """
    try:
        return AblationStudy.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise ExperimentError(f"{file}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ExperimentError(f"{file}: is no TOML text ({error})") from error
    except ValidationError as error:
        raise refusal(error, file, AblationStudy) from None


def is_ablation(file: Path) -> bool:
    """Whether a file is a study of silenced filters."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8")).get("kind") == "ablation"
    except (OSError, ValueError):
        return False
