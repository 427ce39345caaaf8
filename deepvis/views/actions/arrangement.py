"""The window and its panes as such."""

from __future__ import annotations

from deepvis.views.actions.registry import window_action
from deepvis.views.window_protocol import WindowProtocol


@window_action("quit")
def leave(window: WindowProtocol) -> None:
    """Close the window."""
    window.close()


@window_action("reset_layout")
def reset_layout(window: WindowProtocol) -> None:
    """Give every pane its first place and size."""
    window.reset_layout()


@window_action("filter_units")
def filter_units(window: WindowProtocol) -> None:
    """Let the user type a filter above the grid."""
    window.edit_filter()
