"""A preprocessing in a file: found, or missed in a sentence that names the file."""

from __future__ import annotations

import json
import re

import pytest

from prototxt.pixels.field_types import PreprocessingError
from prototxt.pixels.preprocess import Preprocessing
from prototxt.pixels.preprocess_file import read_preprocessing


def test_a_file_holds_a_preprocessing_alone_or_in_a_conversion(tmp_path):
    wanted = Preprocessing("RGB", 1 / 255, mean=(0.5, 0.4, 0.3), crop=(9, 11))
    alone, conversion = tmp_path / "pixels.json", tmp_path / "conversion.json"
    alone.write_text(wanted.to_json())
    conversion.write_text(json.dumps({"format": "conversion", "preprocessing": wanted.to_dict()}))
    assert read_preprocessing(alone) == read_preprocessing(conversion) == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read .*No such file.* give the conversion.json"),
        ("{", "is no JSON text"),
        ("\x00\x01", "is no JSON text"),
        ("[1]", "preprocessing"),
        ('{"preprocessing": null}', "says of no preprocessing; convert again"),
        ('{"channel_order": "RGB"}', "missing names .*'crop'"),
        ('{"preprocessing": {"channel_order": "RGB"}}', "missing names .*'crop'"),
    ],
)
def test_a_file_without_a_preprocessing_is_named(tmp_path, text, message):
    file = tmp_path / "conversion.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(PreprocessingError, match=rf"^{re.escape(str(file))}: .*({message})"):
        read_preprocessing(file)
