"""Dropping things on a window, and what it has open then."""

import warnings

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent


def drop(qtbot, window, *paths, text=""):
    """Drop files, or a text, on the middle of a window."""
    mime = QMimeData()
    if paths:
        mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    mime.setText(text)
    keys, button = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    with warnings.catch_warnings():  # Qt has no other way to make one
        warnings.simplefilter("ignore", DeprecationWarning)
        enter = QDragEnterEvent(QPoint(500, 300), Qt.DropAction.CopyAction, mime, button, keys)
    window.dragEnterEvent(enter)
    assert enter.isAccepted()
    window.dropEvent(QDropEvent(QPointF(500, 300), Qt.DropAction.CopyAction, mime, button, keys))
    qtbot.waitUntil(lambda: window.idle, timeout=60_000)


def opened(window):
    return window.controller.session.engine.model


def entries(window, name):
    menu = window.actions_by_name[name].menu()
    menu.aboutToShow.emit()
    return {entry.text(): entry for entry in menu.actions()}
