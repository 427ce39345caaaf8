"""Types of the fields of a `prototxt.pixels.preprocess.Preprocessing`, and a sentence for what is none of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from prototxt.common.errors import InputError
from prototxt.pixels.json_arrays import array_from_json


class PreprocessingError(InputError):
    """A preprocessing is contradictory, or does not fit the picture."""


ChannelOrder = Literal["RGB", "BGR", "GRAY", "STORED"]
ResizeRule = Literal["none", "shorter side", "stretch"]
Interpolation = Literal["bilinear", "area"]
PairRule = Literal["none", "channels", "width", "inputs"]

# Channels of a picture's blob; 0 for those of an array, which has as many as it has.
CHANNELS: dict[str, int] = {"RGB": 3, "BGR": 3, "GRAY": 1, "STORED": 0}

Number = Annotated[float, Field(allow_inf_nan=False)]
Factor = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Pixels = Annotated[int, Field(gt=0)]


def _none_or_two(lengths: tuple[int, ...]) -> tuple[int, ...]:
    if len(lengths) not in (0, 2):
        raise ValueError(f"must be (height, width) or empty; got {list(lengths)}")
    return lengths


def _image(value: Any) -> np.ndarray | None:
    """Make a float32 array of its own that nobody can write to; JSON has it as `array_to_json` writes it."""
    if value is None:
        return None
    try:
        image = np.array(array_from_json(value) if isinstance(value, Mapping | str) else value, np.float32, order="C")
    except (TypeError, ValueError) as error:
        raise ValueError(f"must be null or {error}") from error
    image.setflags(write=False)
    return image


Crop = Annotated[tuple[Pixels, ...], AfterValidator(_none_or_two)]
MeanImage = Annotated[np.ndarray | None, BeforeValidator(_image)]

# What a value must be, by pydantic's type of the error; in braces what its context says.
_WANTED = {
    "literal_error": "one of {expected}",
    "greater_than": "above {gt:g}",
    "finite_number": "a finite number",
    "float_type": "a number",
    "float_parsing": "a number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "tuple_type": "a list of numbers",
}


def sentence(error: ValidationError) -> str:
    """Say which field is wrong, what it must be and what it is; a TypeError for a field that there is not."""
    first = error.errors()[0]
    name, *place = first["loc"]
    if first["type"] == "unexpected_keyword_argument":
        raise TypeError(f"a preprocessing has no field {name!r}")
    if first["type"] == "value_error":
        return f"preprocessing: {name} {first['ctx']['error']}"
    wanted = _WANTED.get(first["type"], first["msg"]).format(**first.get("ctx", {}))
    which = f"number {int(place[0]) + 1} of {name}" if place else name
    return f"preprocessing: {which} must be {wanted}; got {first['input']!r}"
