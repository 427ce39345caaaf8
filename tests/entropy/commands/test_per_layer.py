"""Options over several layers."""

import re

import pytest

from entropy.commands.per_layer import layer_names, numbers_by_layer
from entropy.errors import PlanError


def test_pairs_and_names():
    found = numbers_by_layer("--widen", ["conv5=165, branch/conv4=0.5", "fc6=1e-1"])
    assert found == {"conv5": 165, "branch/conv4": 0.5, "fc6": 0.1}
    assert [type(number) for number in found.values()] == [int, float, float]
    assert layer_names("fc6, a/b") == ("fc6", "a/b")


@pytest.mark.parametrize("text", ["conv5", "conv5=", "=3", "conv5=many", "conv5=1,,conv4=2", ""])
def test_what_is_no_pair(text):
    with pytest.raises(PlanError, match=r"--widen '.*': give a layer and a number, such as conv5=0.1"):
        numbers_by_layer("--widen", [text])


def test_nothing_twice():
    with pytest.raises(PlanError, match="--rate: layer 'fc6' is there twice"):
        numbers_by_layer("--rate", ["fc6=0", "fc6=1"])
    assert layer_names("") == ()
    for text in ("fc6,fc6", "fc6,", " "):
        with pytest.raises(PlanError, match=re.escape(repr(text))):
            layer_names(text)
