"""The section "pycaffe" of docs/caffe-compatibility.md has every name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import torchcaffe
from torchcaffe.layers.python import UserLayer
from torchcaffe.pycaffe import coord_map, draw, io, net_spec

PAGE = (Path(__file__).parents[3] / "docs/caffe-compatibility.md").read_text(encoding="utf-8")
SECTION = re.search(r"^## pycaffe\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]
WORDS = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", SECTION))))

MORE_THAN_PYCAFFE = {
    "network",  # the engine behind a Net
    "add_to", "message",  # steps of a Function
    "fn", "n", "tops", "CropError", "IDENTITY", "get_dot", "install", "show_log",
}  # fmt: skip
OF_OUR_SOLVER = {
    "type", "param", "device", "network", "test_networks", "stored", "current_step", "updater", "request", "steps",
    "solving", "set_lr_mult", "set_unit_lr_mults", "test_all", "test", "load_weights",
}  # fmt: skip


def public(where: object) -> set[str]:
    return {name for name in dir(where) if not name.startswith("_")}


def defined_in(module) -> set[str]:
    return {name for name in public(module) if getattr(getattr(module, name), "__module__", "") == module.__name__}


@pytest.mark.parametrize(
    "names",
    [
        set(torchcaffe.__all__) - {"Network", "Blob", "Solver"},
        public(torchcaffe.Net),
        public(torchcaffe.Blob) - {"data_memory", "diff_memory"},
        public(torchcaffe.SGDSolver) - OF_OUR_SOLVER,
        public(UserLayer) - {"type"},
        public(torchcaffe.Classifier) | public(torchcaffe.Detector),
        public(io.Transformer),
        set(io.__all__),
        defined_in(net_spec) - {"Naming", "layer_function"},
        defined_in(coord_map),
        defined_in(draw),
    ],
    ids=lambda names: min(names),
)
def test_every_name_has_its_state(names):
    assert names - MORE_THAN_PYCAFFE - WORDS == set()


def test_names_of_the_module_are_there():
    table = SECTION.split("### The module")[1].split("### Nets")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    modules = {"classifier", "detector", "pycaffe", "_caffe"}
    for name in re.findall(r"`(\w+)`", " ".join(cells)):
        assert name in modules or hasattr(torchcaffe, name), name
