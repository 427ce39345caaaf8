"""The colours of the window, the atlas and the contact sheets: dark grey, one accent."""

from __future__ import annotations

GROUND = "#1b1d20"
PANEL = "#232629"
RAISED = "#2e3236"
LINE = "#3a3f44"
TEXT = "#dfe2e5"
DIM = "#9aa1a8"
ACCENT = "#ffb347"
ORIGIN = "#6cb6ff"
BAD = "#5a2327"
STALE = "#6b5a1e"
ZERO = "#e0565b"


def rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue in 0-255 of ``#rrggbb``."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
