from pathlib import Path

import pytest

from deepvis.controllers.actions import ACTIONS, OTHER_ACTIONS
from deepvis.state.viewer import OPTIONS
from deepvis.views.actions.registry import SUBMENUS, WINDOW_ACTIONS
from deepvis.views.keys import COMMANDS, KEYMAPS, command_of, commands_of, keys_text
from deepvis.views.options_pane import GROUPS


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
