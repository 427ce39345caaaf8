"""The keys as a table, and each of them pressed in the window."""

from pathlib import Path

import pytest
from PySide6.QtGui import QKeySequence

from deepvis.controllers.actions import ACTIONS, OTHER_ACTIONS, choosing
from deepvis.state.options import Origin
from deepvis.state.viewer import OPTIONS, ViewerModel
from deepvis.views.actions.registry import SUBMENUS, WINDOW_ACTIONS
from deepvis.views.keys import COMMANDS, KEYMAPS, command_of, commands_of, keys_text
from deepvis.views.options_pane import GROUPS
from tests.deepvis.views.pressing import press

CHANGES: dict[str, tuple[dict, dict]] = {
    "next_picture": ({}, {"picture": 1}),
    "previous_picture": ({}, {"picture": -1}),
    "next_layer": ({}, {"layer": "pool1"}),
    "previous_layer": ({}, {"layer": "data"}),
    "unit_left": ({"layer": "fc", "unit": 1}, {"unit": 0}),
    "unit_right": ({"layer": "fc", "unit": 0}, {"unit": 1}),
    "unit_up": ({"layer": "fc", "unit": 4}, {"unit": "less"}),
    "unit_down": ({"layer": "fc", "unit": 0}, {"unit": "more"}),
    "unit_left_fast": ({"layer": "fc", "unit": 1}, {"unit": "less"}),
    "unit_right_fast": ({"layer": "fc", "unit": 0}, {"unit": "more"}),
    "unit_up_fast": ({"layer": "fc", "unit": 5}, {"unit": "less"}),
    "unit_down_fast": ({"layer": "fc", "unit": 0}, {"unit": "more"}),
    "toggle_origin": ({"unit": 3}, {"origin": Origin(layer="conv1", unit=3)}),
    "next_back_step": ({}, {"back_mode": "gradient"}),
    "toggle_patterns": ({}, {"layer_mode": "synthesised images"}),
    "reset": ({"gamma": 0.5, "back_mode": "guided"}, {"gamma": 1.0, "back_mode": "off"}),
}
"""By action: fields to begin with, and what fields are then."""
ELSEWHERE = {"save_picture", "copy_picture", "quit", "reset_layout", "toggle_camera", "filter_units", "open_after"}
SAVING = {"save_pane", "copy_pane", "save_values", "copy_values", "save_report"}  # in test_saving.py
COMPUTE = {"synthesise_unit", "next_engine"}  # in test_synthesis.py and test_engines.py
OPENING = {"open_model", "open_pytorch", "recent_models", "presets"}  # in test_opening.py and test_pytorch.py
LINKS = {"add_bookmark", "copy_link", "open_link", "bookmarks", "remove_bookmark"}  # in test_links.py
INPUTS = {"open_pictures", "open_input_files", "open_class_folders", "paste_input", "toggle_play"}  # in test_inputs.py

ELSEWHERE |= SAVING | COMPUTE | OPENING | LINKS | INPUTS


def test_every_key_leads_to_something_and_everything_has_a_key():
    actions = {command.action for command in COMMANDS}
    assert actions <= set(ACTIONS) | set(WINDOW_ACTIONS) | set(SUBMENUS)
    assert set(OTHER_ACTIONS) | set(WINDOW_ACTIONS) | set(SUBMENUS) <= actions


def test_every_option_with_choices_can_be_gone_through():
    actions = {command.action for command in COMMANDS}
    without = {name for name, option in OPTIONS.items() if option.choices} - {
        action.partition("_")[2] for action in actions
    }
    assert without == {"source", "blob_view"}  # toggle_camera and toggle_play; the pane of blobs
    for rows in GROUPS.values():
        for row in rows:
            assert row.does in actions


@pytest.mark.parametrize("keymap", KEYMAPS)
def test_no_key_means_two_things(keymap):
    keys = [key for command in commands_of(keymap) for key in command.keys]
    assert len(keys) == len(set(keys))


def test_keys_are_written_as_they_are_typed():
    assert keys_text(command_of("next_back_mode")) == "b"
    assert keys_text(command_of("previous_back_mode")) == "B"
    assert keys_text(command_of("unit_left")) == "←  j"
    assert keys_text(command_of("unit_left_fast")) == "J  Shift+←"
    assert keys_text(command_of("reset_layout")) == "Ctrl+0"


def test_the_documentation_has_the_whole_table():
    text = (Path(__file__).parents[3] / "docs" / "window.md").read_text()
    for command in COMMANDS:
        keys = f"`{keys_text(command)}`" if command.keys else ""
        assert f"| {keys} | {command.text} | {command.menu} |" in text


def test_yosinskis_keys():
    commands = commands_of("yosinski")
    keys = {action: keys_text(command_of(action, commands)) for action in KEYMAPS["yosinski"]}
    assert (keys["toggle_patterns"], keys["next_back_step"], keys["next_back_mode"], keys["next_back_view"]) == (
        "s",
        "b",
        "n",
        "m",
    )
    assert set(KEYMAPS["yosinski"]) <= {command.action for command in COMMANDS}


def changes_of(action):
    """As in `CHANGES`; the actions of an option go from its default to the next choice, or to the one before."""
    if action in CHANGES:
        return CHANGES[action]
    word, _, name = action.partition("_")
    choices = OPTIONS[name].choices
    place = choices.index(ViewerModel.model_fields[name].default) + (-1 if word == "previous" else 1)
    return {}, {name: choices[place % len(choices)]}


def test_every_key_is_tested():
    actions = {command.action for command in COMMANDS}
    assert set(CHANGES) | ELSEWHERE == actions - set(choosing(OPTIONS))


def test_every_key_does_what_the_table_says(qtbot, open_window):
    window = open_window(layer="conv1")
    for command in COMMANDS:
        if command.action in ELSEWHERE:
            continue
        wishes, expected = changes_of(command.action)
        for key in command.keys:
            start = {"layer": "conv1", "unit": 0, "picture": 0} | {
                name: field.default
                for name, field in ViewerModel.model_fields.items()
                if name not in ("layer", "unit", "picture")
            }
            for name, value in (start | wishes).items():
                setattr(window._model, name, value)
            before = window._model.unit
            press(qtbot, window, key)
            for name, value in expected.items():
                found = getattr(window._model, name)
                correct = found < before if value == "less" else found > before if value == "more" else found == value
                assert correct, f"{key}: {name} is {found!r}, not {value!r}"
    assert window.error_bar.isHidden()


def test_the_other_keymap_is_in_menus_options_and_help(qtbot, open_window):
    window = open_window(layer="conv1", keymap="yosinski")
    for key, field, value in (
        ("S", "layer_mode", "synthesised images"),
        ("S", "layer_mode", "activations"),
        ("B", "back_mode", "gradient"),
        ("B", "back_view", "norm"),
        ("N", "back_mode", "deconv"),
        ("M", "back_view", "normblur"),
        ("Ctrl+M", "colormap", "viridis"),
    ):
        press(qtbot, window, key)
        assert getattr(window._model, field) == value
    assert window.actions_by_name["next_back_view"].shortcut().toString() == "M"
    assert window.options_pane.rows["back_view"].toolTip().endswith("(m)")
    table = window.help_pane.table
    keys = {table.item(row, 1).text(): table.item(row, 0).text() for row in range(table.rowCount())}
    assert keys["Next colour map"] == "Ctrl+M"


def test_menus_show_every_key(open_window):
    window = open_window()
    for command in COMMANDS:
        action = window.actions_by_name[command.action]
        shown = [shortcut.toString(QKeySequence.SequenceFormat.PortableText) for shortcut in action.shortcuts()]
        assert shown == [QKeySequence(key).toString(QKeySequence.SequenceFormat.PortableText) for key in command.keys]
