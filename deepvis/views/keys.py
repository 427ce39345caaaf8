"""The keys of the window, as data: the menus, the help list, the documentation and the shortcuts are made from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Command:
    """One thing that the window can do.

    Parameters
    ----------
    action : name in `deepvis.controllers.actions.ACTIONS`, or in `WINDOW_ACTIONS` or `SUBMENUS` of
        `deepvis.views.actions.registry`.
    menu : title of the menu that shows it.
    text : what the menu and the help list say.
    keys : Qt's portable names of its keys; the first is the one that the menu shows; may be empty.
    """

    action: str
    menu: str
    text: str
    keys: tuple[str, ...] = ()


COMMANDS: tuple[Command, ...] = (
    Command("open_model", "File", "Open a model, a scan, a plan…", ("Ctrl+Shift+O",)),
    Command("open_pytorch", "File", "Open a PyTorch model…", ("Ctrl+P",)),
    Command("recent_models", "File", "Recent models"),
    Command("presets", "File", "Presets"),
    Command("open_pictures", "File", "Open a folder of pictures…", ("Ctrl+O",)),
    Command("open_input_files", "File", "Open pictures, a list, a video…", ("Ctrl+I",)),
    Command("open_class_folders", "File", "Open a folder, its folders as classes…"),
    Command("paste_input", "File", "Paste a picture, files or a path", ("Ctrl+V",)),
    Command("open_after", "File", "Compare with the net after fine-tuning…", ("Ctrl+T",)),
    Command("save_picture", "File", "Save the window as a picture…", ("Ctrl+S",)),
    Command("copy_picture", "File", "Copy the window", ("Ctrl+C",)),
    Command("save_pane", "File", "Save the pane under the pointer as a picture…", ("Ctrl+D",)),
    Command("copy_pane", "File", "Copy the pane under the pointer", ("Ctrl+Shift+C",)),
    Command("save_values", "File", "Save its values, CSV or NPZ…", ("Ctrl+E",)),
    Command("copy_values", "File", "Copy its values", ("Ctrl+Shift+E",)),
    Command("save_report", "File", "Save a report of the unit…", ("Ctrl+R",)),
    Command("quit", "File", "Quit", ("Q", "Ctrl+Q")),
    Command("next_picture", "Input", "Next picture", ("E", "PgDown")),
    Command("previous_picture", "Input", "Previous picture", ("W", "PgUp")),
    Command("toggle_camera", "Input", "Camera or files", ("C",)),
    Command("toggle_play", "Input", "Play the pictures or the video, or halt", ("Space",)),
    Command("toggle_frozen", "Input", "Freeze camera or video", ("F",)),
    Command("next_fit", "Input", "Fit the picture: as trained, crop, stretch", ("0",)),
    Command("next_pair_view", "Input", "Of a pair: both, first, second", ("V",)),
    Command("next_layer", "Unit", "Next layer", ("O", "Shift+O")),
    Command("previous_layer", "Unit", "Previous layer", ("U", "Shift+U")),
    Command("unit_left", "Unit", "Unit to the left", ("Left", "J")),
    Command("unit_right", "Unit", "Unit to the right", ("Right", "L")),
    Command("unit_up", "Unit", "Unit above", ("Up", "I")),
    Command("unit_down", "Unit", "Unit below", ("Down", "K")),
    Command("unit_left_fast", "Unit", "Some units to the left", ("Shift+J", "Shift+Left")),
    Command("unit_right_fast", "Unit", "Some units to the right", ("Shift+L", "Shift+Right")),
    Command("unit_up_fast", "Unit", "Some rows up", ("Shift+I", "Shift+Up")),
    Command("unit_down_fast", "Unit", "Some rows down", ("Shift+K", "Shift+Down")),
    Command("next_back_mode", "Back-propagation", "Next mode: off, gradient, deconv, guided", ("B",)),
    Command("previous_back_mode", "Back-propagation", "Previous mode", ("Shift+B",)),
    Command("next_back_step", "Back-propagation", "Off, gradient, its norm, deconv (as Yosinski's b)"),
    Command("toggle_origin", "Back-propagation", "Freeze the unit that it starts from", ("D",)),
    Command("toggle_show_diffs", "Back-propagation", "Grid: activations or diffs", ("A",)),
    Command("next_back_view", "Back-propagation", "Next view: raw, gray, norm, normblur, sum>0, histogram", ("N",)),
    Command("previous_back_view", "Back-propagation", "Previous view", ("Shift+N",)),
    Command("next_zoom", "View", "In the middle: grid, unit, back-propagation", ("Z",)),
    Command("next_layer_mode", "View", "Layer as: activations, maximal images, histograms, …", ("S",)),
    Command("previous_layer_mode", "View", "Layer: previous way", ("Shift+S",)),
    Command("toggle_patterns", "View", "Activations or synthesised images"),
    Command("toggle_first_only", "View", "One picture for each unit, or all", ("1",)),
    Command("next_colormap", "View", "Next colour map", ("M",)),
    Command("previous_colormap", "View", "Previous colour map", ("Shift+M",)),
    Command("next_scale", "View", "Scale: of the layer, the frame, the unit", ("X",)),
    Command("next_gamma", "View", "Lift small values (gamma)", ("T",)),
    Command("next_boost", "View", "Lift weak units", ("Shift+T",)),
    Command("next_overlay", "View", "Overlay: off, over active, over inactive", ("Y",)),
    Command("previous_overlay", "View", "Previous overlay", ("Shift+Y",)),
    Command("toggle_before_activation", "View", "Before or after the activation", ("P",)),
    Command("toggle_show_classes", "View", "Class probabilities", ("8",)),
    Command("toggle_show_patches", "View", "Patches and histogram", ("9",)),
    Command("toggle_show_values", "View", "Values in the pictures", ("R",)),
    Command("toggle_show_timings", "View", "Timings in the status line", ("5",)),
    Command("next_sort", "View", "Sort the units: by activation, mean, H, rate, …", ("G",)),
    Command("toggle_reverse_order", "View", "Sort: the other way round", ("Shift+G",)),
    Command("filter_units", "View", "Filter the units…", ("/",)),
    Command("next_frame_kind", "View", "Frames of the units: off, H, rate, threshold", ("2",)),
    Command("reset", "View", "Reset the view", ("Esc",)),
    Command("reset_layout", "View", "Reset the panes", ("Ctrl+0",)),
    Command("synthesise_unit", "Compute", "Synthesise this unit", ("Ctrl+Y",)),
    Command("next_engine", "Compute", "Next engine: torchcaffe, real Caffe"),
    Command("add_bookmark", "Bookmarks", "Keep what is seen…", ("Ctrl+B",)),
    Command("copy_link", "Bookmarks", "Copy the link to what is seen", ("Ctrl+L",)),
    Command("open_link", "Bookmarks", "Open a link…", ("Ctrl+Shift+L",)),
    Command("bookmarks", "Bookmarks", "Open a bookmark"),
    Command("remove_bookmark", "Bookmarks", "Remove a bookmark"),
    Command("toggle_show_help", "Help", "List of keys", ("H", "F1")),
)

MENUS: tuple[str, ...] = ("File", "Input", "Unit", "Back-propagation", "View", "Compute", "Panes", "Bookmarks", "Help")


KEYMAPS: dict[str, Mapping[str, tuple[str, ...]]] = {
    "deepvis": {},
    "yosinski": {
        "toggle_patterns": ("S",),
        "next_layer_mode": ("Shift+S",),
        "previous_layer_mode": ("Ctrl+Shift+S",),
        "next_back_step": ("B",),
        "next_back_mode": ("N",),
        "previous_back_mode": ("Shift+N",),
        "next_back_view": ("M",),
        "previous_back_view": ("Shift+M",),
        "next_colormap": ("Ctrl+M",),
        "previous_colormap": ("Ctrl+Shift+M",),
    },
}
"""By the name of a keymap, the keys of the actions that have others in it than in `COMMANDS`."""


def commands_of(keymap: str) -> tuple[Command, ...]:
    """All commands with the keys of a keymap; KeyError where there is no such keymap."""
    changed = KEYMAPS[keymap]
    return tuple(replace(command, keys=changed.get(command.action, command.keys)) for command in COMMANDS)


def command_of(action: str, commands: Sequence[Command] = COMMANDS) -> Command:
    """The command of an action; KeyError where nothing in the menus leads to it."""
    for command in commands:
        if command.action == action:
            return command
    raise KeyError(action)


def keys_text(command: Command) -> str:
    """The keys as a person reads them: one letter in the case in which it is typed, such as ``b`` or ``B``."""
    return "  ".join(_readable(key) for key in command.keys)


_ARROWS = {"Left": "←", "Right": "→", "Up": "↑", "Down": "↓"}


def _readable(key: str) -> str:
    first, _, last = key.rpartition("+")
    if first == "Shift" and len(last) == 1:
        return last.upper()
    if not first and len(last) == 1:
        return last.lower()
    return "+".join([*first.split("+"), _ARROWS.get(last, last)] if first else [_ARROWS.get(last, last)])
