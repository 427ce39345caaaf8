"""docs/caffe-compatibility.md: complete, and true of what it names."""

import ast
import re
from pathlib import Path

import pytest

from prototxt.formats.schema import DESCRIPTOR, EXTENSION_FIELDS, EXTENSION_MESSAGES
from prototxt.net.extension_types import EXTENSION_TYPES
from prototxt.net.layer_types import LAYER_TYPES
from tests.golden.layer_cases import EXEMPT
from torchcaffe.__main__ import ALL_FLAGS
from torchcaffe.commands.flags import HELP
from torchcaffe.commands.table import COMMANDS
from torchcaffe.network import LAYERS

TESTS = Path(__file__).resolve().parents[1]
PAGE = (TESTS.parent / "docs/caffe-compatibility.md").read_text(encoding="utf-8")
SECTIONS = {part.split("\n", 1)[0]: part for part in PAGE.split("\n## ")[1:]}


def rows(section: str) -> list[list[str]]:
    """Cells of all table rows of a section."""
    lines = [line for line in SECTIONS[section].splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_every_layer_has_its_state():
    stated = {row[0]: row[1] for row in rows("Layers")[1:]}
    assert stated.keys() == LAYER_TYPES.keys() | EXTENSION_TYPES.keys() == LAYERS.keys()
    assert {name for name, state in stated.items() if "own tests" in state} == set(EXEMPT) - EXTENSION_TYPES.keys()


def test_every_field_is_listed():
    listed = {row[0]: row[1].strip("`").split() for row in rows("Fields") if row[0] in DESCRIPTOR.message_types_by_name}
    messages = {
        name: [field.name for field in message.fields if name != "LayerParameter" or field.name not in EXTENSION_FIELDS]
        for name, message in DESCRIPTOR.message_types_by_name.items()
        if name not in EXTENSION_MESSAGES
    }
    assert listed == messages


def test_every_flag_and_tool_is_listed():
    flags = " ".join(row[0] for row in rows("Flags"))
    assert {flag.name for flag in ALL_FLAGS} | set(HELP) <= set(re.findall(r"-(\w+)", flags))
    tools = {name.strip() for row in rows("Tools")[1:] for name in row[0].split(",")}
    assert tools == COMMANDS.keys()
    programs = set(re.findall(r"`([\w.]+)`", " ".join(row[1] for row in rows("Tools"))))
    assert {command.program for command in COMMANDS.values() if command.program} - programs <= {
        "train_net", "finetune_net", "test_net", "net_speed_benchmark",
    }  # fmt: skip


@pytest.mark.parametrize("row", rows("Known faults")[1:], ids=lambda row: row[0][:40])
def test_every_known_fault_has_its_test(row):
    names = re.findall(r"`([\w/]+\.py)::(\w+)`", row[3])
    assert names
    for path, name in names:
        tree = ast.parse((TESTS / path).read_text())
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
