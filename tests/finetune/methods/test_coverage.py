"""Every method that docs/methods.md names is trained by the tests: in torchcaffe, and the plain ones in stock Caffe."""

import re
from pathlib import Path

import pytest

from finetune.errors import ExperimentError
from finetune.methods import METHODS
from finetune.study.engines import engine_of
from finetune.training.settings import TrainingSettings
from finetune.training.trainer import Job
from tests.finetune.methods import test_in_real_caffe, test_registry

REPOSITORY = Path(__file__).resolve().parents[3]
PAGE = (REPOSITORY / "docs/methods.md").read_text(encoding="utf-8")
NAMED = dict(re.findall(r"^\| `([\w-]+)` \|.*? \| (yes|no) \|", PAGE, re.MULTILINE))
BEYOND = sorted(name for name, plain in NAMED.items() if plain == "no")


def test_every_method_of_the_page_is_trained_for_some_iterations():
    assert len(NAMED) > 40
    assert set(test_registry.EVERY) == set(NAMED)
    assert test_registry.HOW.iterations >= 2


def test_every_plain_method_of_the_page_is_trained_in_stock_caffe():
    assert set(test_in_real_caffe.PLAIN) == set(NAMED) - set(BEYOND)
    assert test_in_real_caffe.HOW.iterations == 2


def test_every_file_of_methods_has_one():
    files = {path.stem for path in (REPOSITORY / "finetune/methods").glob("*.py")} - {"__init__", "registry"}
    assert {method.prepare.__module__.rpartition(".")[2] for method in METHODS.values()} == files


@pytest.mark.parametrize("name", BEYOND)
def test_what_goes_beyond_stock_caffe_says_so(name, setting):
    prepared = METHODS[name](setting, **test_registry.SHORT.get(name, {}))
    job = Job(prepared, setting.target.train, setting.model.preprocessing, TrainingSettings(iterations=2))
    with pytest.raises(ExperimentError, match=rf"{name!r} has \d+ terms beyond lr_mult, which real Caffe cannot train"):
        engine_of("caffe", name, job)
