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
