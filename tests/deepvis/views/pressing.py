"""Pressing keys as a person does."""

from PySide6.QtGui import QKeySequence


def press(qtbot, window, key):
    """Press a key as a person does, given in Qt's portable name."""
    combination = QKeySequence(key)[0]
    qtbot.keyClick(window, combination.key(), combination.keyboardModifiers())
    qtbot.waitUntil(lambda: window.idle, timeout=10_000)
