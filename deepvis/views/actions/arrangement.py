"""The window and its panes as such."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepvis.views.actions.registry import window_action

if TYPE_CHECKING:
    from deepvis.views.window import Window


@window_action("quit")
def leave(window: Window) -> None:
    """Close the window."""
    window.close()


@window_action("reset_layout")
def reset_layout(window: Window) -> None:
    """Give every pane its first place and size."""
    window.reset_layout()


@window_action("filter_units")
def filter_units(window: Window) -> None:
    """Let the user type a filter above the grid."""
    window.grid_pane.head.filter.setFocus()
    window.grid_pane.head.filter.selectAll()
