"""A preprocessing in a JSON file: alone, or in a record such as a ``conversion.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prototxt.pixels.field_types import PreprocessingError
from prototxt.pixels.preprocess import Preprocessing


def read_preprocessing(path: Path) -> Preprocessing:
    """Read a preprocessing from a file of its own or from a ``conversion.json``.

    Raises
    ------
    PreprocessingError : if the file cannot be read, holds none, or holds one that contradicts itself; names the file.
    """
    what = "give the conversion.json that was written with the net, or a JSON file with its preprocessing"
    try:
        found = preprocessing_in(json.loads(path.read_text(encoding="utf-8")), path)
    except OSError as error:
        raise PreprocessingError(f"{path}: cannot be read ({error.strerror}); {what}") from error
    except ValueError as error:
        raise PreprocessingError(f"{path}: is no JSON text ({error}); {what}") from error
    if found is None:
        raise PreprocessingError(
            f"{path}: says of no preprocessing; convert again with --mean and --std, or give a JSON file with it"
        )
    return found


def preprocessing_in(content: Any, path: Path) -> Preprocessing | None:
    """Find a preprocessing in what a JSON file holds: it, or a record with it; None for a record without one.

    Parameters
    ----------
    content : of the file.
    path : the file, which errors name; they are those of `Preprocessing.from_json`.
    """
    if content is None:
        return None
    if not isinstance(content, dict):
        raise PreprocessingError(f"{path}: a preprocessing must be a JSON object; got {type(content).__name__}")
    if "preprocessing" in content:
        return preprocessing_in(content["preprocessing"], path)
    try:
        return Preprocessing.from_json(content)
    except PreprocessingError as error:
        raise PreprocessingError(f"{path}: {error}") from error
