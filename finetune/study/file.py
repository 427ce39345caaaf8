"""``study.toml``: what is compared with what."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from finetune.errors import ExperimentError
from finetune.evaluation.probe import Kind
from finetune.evaluation.scores import Crops
from finetune.methods import METHODS
from finetune.study.spelling import refusal, unknown
from finetune.tasks.opening import TaskSettings
from finetune.training.settings import TrainingSettings

Engine = Literal["torchcaffe", "caffe", "torchrun"]
On = Literal["source", "target", "joint"]


class Settings(BaseModel):
    """A part of the file; what it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class NetSettings(Settings):
    """A source net.

    Parameters
    ----------
    model : whatever `deepvis.model.model.open_model` takes: a folder of a conversion, a prototxt, a bundled baseline, a
        name of torchvision, PyTorch weights.
    task : name of the task that it was trained on.
    weights, preprocessing, classes : files in place of the model's own.
    """

    model: str
    task: str
    weights: Path | None = None
    preprocessing: Path | None = None
    classes: Path | None = None


class Direction(Settings):
    """From which net to which task.

    Parameters
    ----------
    from : a source net; its task is the old one.
    to : name of the new task.
    name : of the folder; by default both names with a dash between.
    """

    source: str = Field(alias="from")
    to: str
    name: str = ""

    @property
    def folder(self) -> str:
        """Name of its folder."""
        return self.name or f"{self.source}-{self.to}"


class MethodRow(Settings):
    """A method of the study, perhaps in several variants.

    Parameters
    ----------
    method : its name; `finetune list` names all.
    name : of its folder and in claims; by default the method and its options.
    title : in tables; by default the method's own, with its options.
    options : of the method. An option with a list of values makes a row of each.
    grid : values of options and ``base_lr`` among which the validation images choose; by default the method's own
        grid, an empty one for no choice.
    seeds : by default the study's.
    training : settings in place of the study's; one with a list of values makes a row of each.
    engine : in place of the study's.
    """

    method: str
    name: str = ""
    title: str = ""
    options: dict[str, Any] = {}
    grid: dict[str, list[Any]] | None = None
    seeds: tuple[int, ...] | None = None
    training: dict[str, Any] = {}
    engine: Engine | None = None


class Selection(Settings):
    """How settings are chosen where a method has a grid.

    Parameters
    ----------
    criterion : what is largest at the chosen point: the accuracy on held-out training images of the new task
        (``target``), or the mean of that and of the old head's accuracy on held-out training images of the old task.
    share : of the training images that is held out.
    seed : of that choice, and of the runs at the points.
    iterations : of the runs at the points, where they are to be shorter than those of the study; None for as many.
    grids : whether the methods' own grids are used at all.
    """

    criterion: Literal["target", "mean"] = "target"
    share: float = Field(default=0.1, gt=0, lt=1)
    seed: int = 1000
    iterations: int | None = Field(default=None, gt=0)
    grids: bool = True


class Evaluation(Settings):
    """What is measured of a trained net.

    Parameters
    ----------
    crops : of the test images: ``centre``, or ``ten``.
    probe : a linear classifier on the trunk's features, trained and tested on the old task; ``none`` for none.
    in_training : test images of each task that are looked at in training, for the log; 0 for all of them.
    weights : whether the trained weights are kept.
    filters : whether ``filters.csv`` says of every filter of the source net how its weights and its answers to old
        images have changed.
    confusion : whether ``confusion.json`` says which class was taken for which, of both tasks.
    """

    crops: Crops = "centre"
    probe: Kind | Literal["none"] = "none"
    in_training: int = Field(default=500, ge=0)
    weights: bool = False
    filters: bool = False
    confusion: bool = False


class Claim(Settings):
    """What the study is about to find out: that one row is better than another.

    Parameters
    ----------
    better, than : names of rows.
    on : the task whose accuracy counts, or ``joint``: the mean of both.
    by : percentage points at least; a negative number for "not worse by more than".
    direction : name of the only direction that it is about; by default it is judged in each.
    words : what is claimed, and by whom, for the report.
    """

    better: str
    than: str
    on: On = "source"
    by: float = 0.0
    direction: str = ""
    words: str = ""


class Study(Settings):
    """A study; see ``docs/studies.md``.

    Parameters
    ----------
    title, note : for the report.
    budget : CPU seconds after which no further run is started; None for no end.
    seeds : every row is run with each.
    engine : what trains: our own trainer on torchcaffe, real Caffe, or several processes of our own (``torchrun``).
    jobs : runs at a time, each in a process of its own.
    threads : of each.
    processes : of a run with the engine torchrun.
    device : where our own trainer computes.
    head_rates : ``lr_mult`` of the new head's weights and bias.
    tasks, nets : by name.
    directions : which net learns which task.
    training : how; a setting with a list of values makes every row several.
    methods : the rows.
    selection, evaluation, claims : see there.
    """

    title: str = ""
    note: str = ""
    budget: float | None = Field(default=None, gt=0)
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    engine: Engine = "torchcaffe"
    jobs: int = Field(default=2, ge=1)
    threads: int = Field(default=1, ge=1)
    processes: int = Field(default=2, ge=1)
    device: str = "cpu"
    head_rates: tuple[float, float] = (10.0, 20.0)
    tasks: dict[str, TaskSettings]
    nets: dict[str, NetSettings]
    directions: tuple[Direction, ...] = Field(min_length=1)
    training: dict[str, Any] = {}
    methods: tuple[MethodRow, ...] = Field(min_length=1)
    selection: Selection = Selection()
    evaluation: Evaluation = Evaluation()
    claims: tuple[Claim, ...] = ()


def read_study(path: Path) -> Study:
    """Read a study file.

    Raises
    ------
    ExperimentError : it cannot be read, a key is unknown or has another value than is allowed, or a name means nothing;
        says file, key and what is allowed.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ExperimentError(f"{path}: cannot be read ({error}); give the path of a study file") from error
    except tomllib.TOMLDecodeError as error:
        raise ExperimentError(f"{path}: is no TOML: {error}") from error
    try:
        study = Study.model_validate(values)
    except ValidationError as error:
        raise refusal(error, path, Study) from None
    check_names(study, path)
    return study


def check_names(study: Study, source: object) -> None:
    """Refuse names of nets, tasks, methods, options and training settings that mean nothing."""
    for name, net in study.nets.items():
        _known(study.tasks, net.task, f"nets.{name}.task", "task", source)
    for number, direction in enumerate(study.directions, 1):
        _known(study.nets, direction.source, f"directions[{number}].from", "net", source)
        _known(study.tasks, direction.to, f"directions[{number}].to", "task", source)
    settings = TrainingSettings.model_fields
    for key in study.training:
        _known(settings, key, "training", "setting", source)
    for number, row in enumerate(study.methods, 1):
        place = f"methods[{number}]"
        _known(METHODS, row.method, place, "method", source)
        options = METHODS[row.method].options
        for key in row.options:
            _known(options, key, f"{place}.options", f"option of {row.method!r}", source)
        for key in row.grid or ():
            _known([*options, *settings], key, f"{place}.grid", f"option of {row.method!r} or setting", source)
        for key in row.training:
            _known(settings, key, f"{place}.training", "setting", source)
    folders = [direction.folder for direction in study.directions]
    if len(set(folders)) < len(folders):
        raise ExperimentError(f"{source}: two directions have the name {folders[0]!r}; give each a name of its own")


def _known(known: Any, name: str, place: str, what: str, source: object) -> None:
    if name not in known:
        raise ExperimentError(f"{source}: {place}: {unknown(what, name, known)}")
