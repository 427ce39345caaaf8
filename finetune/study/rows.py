"""From the methods of a study file to its rows: every combination of values that a list gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from pydantic import ValidationError

from finetune.errors import ExperimentError
from finetune.methods import METHODS
from finetune.study.file import Engine, MethodRow, Study
from finetune.study.spelling import refusal
from finetune.training.settings import TrainingSettings

NATIVE_LISTS = ("stepvalue",)  # of these a single value is a list already


@dataclass(frozen=True)
class Row:
    """A method with its options and settings: what a table has a row for.

    Parameters
    ----------
    name : of its folder.
    title : in tables.
    method : its name.
    options : that differ from the method's own.
    training : how it is trained.
    grid : values to choose among; empty for no choice.
    seeds : it is run with each.
    engine : that trains it.
    """

    name: str
    title: str
    method: str
    options: Mapping[str, Any]
    training: TrainingSettings
    grid: Mapping[str, Sequence[Any]]
    seeds: tuple[int, ...]
    engine: Engine


def rows_of(study: Study, source: object = "the study") -> list[Row]:
    """Give the rows of a study in the order of its file.

    Raises
    ------
    ExperimentError : a training setting has a value that is not allowed, or two rows would have one name.
    """
    rows = [row for method in study.methods for row in _variants(study, method, source)]
    names = [row.name for row in rows]
    for name in names:
        if names.count(name) > 1:
            raise ExperimentError(f"{source}: two rows are called {name!r}; give each method a name of its own")
    return rows


def _variants(study: Study, row: MethodRow, source: object) -> Iterator[Row]:
    method = METHODS[row.method]
    grid = row.grid or {}
    if row.grid is None and study.selection.grids:  # what the file says of a value is not chosen again
        grid = {key: list(each) for key, each in method.grid.items() if key not in (row.options | row.training)}
    training = {**study.training, **row.training}
    shown = [key for key, values in training.items() if key in row.training or _is_list(key, values, NATIVE_LISTS)]
    lists = [key for key, value in method.options.items() if isinstance(value, list | tuple)]
    for options in _combinations(row.options, lists):
        for settings in _combinations(training, NATIVE_LISTS):
            said = {**{key: options[key] for key in row.options}, **{key: settings[key] for key in shown}}
            varied = {key for key in row.options if _is_list(key, row.options[key], lists)}
            varied |= {key for key in shown if _is_list(key, training[key], NATIVE_LISTS)}
            yield Row(
                "-".join([row.name or row.method, *_parts(said, varied if row.name else set(said), "=")]),
                ", ".join([row.title or method.title, *_parts(said, varied if row.title else set(said), " ")]),
                row.method,
                options,
                _settings(settings, source),
                grid,
                row.seeds or study.seeds,
                row.engine or study.engine,
            )


def _is_list(key: str, value: Any, native: Sequence[str]) -> bool:
    """Whether a value is a list of values; of one that is a list by nature, whether it is a list of lists."""
    if not isinstance(value, list | tuple):
        return False
    return key not in native or (bool(value) and isinstance(value[0], list | tuple))


def _combinations(values: Mapping[str, Any], native: Sequence[str]) -> Iterator[dict[str, Any]]:
    choices = [value if _is_list(key, value, native) else [value] for key, value in values.items()]
    for chosen in product(*choices):
        yield dict(zip(values, chosen, strict=True))


def _parts(said: Mapping[str, Any], shown: set[str], sign: str) -> list[str]:
    """What the file says of a variant, as far as its name or title has to show it."""
    return [f"{key}{sign}{_text(value)}" for key, value in said.items() if key in shown]


def _text(value: Any) -> str:
    """A value as it stands in the name of a folder."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return "".join(letter if letter.isalnum() or letter in "._+" else "_" for letter in text)


def _settings(values: Mapping[str, Any], source: object) -> TrainingSettings:
    try:
        return TrainingSettings.model_validate(dict(values))
    except ValidationError as error:
        raise refusal(error, f"{source}: training", TrainingSettings) from None
