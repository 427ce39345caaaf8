"""The start of the window: it is there at once and says what is opened, while libraries and model are loaded beside it.

Nothing that imports torch may be imported here: that takes longer than anything else that the start does.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

from PySide6.QtCore import QByteArray, QDeadlineTimer, QEventLoop, QObject, QSettings, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QLabel, QProgressBar, QVBoxLayout, QWidget

from deepvis.settings.settings import Settings
from deepvis.views import theme
from deepvis.views.application import check_display, make_application, resize_to_fit, window_memory
from prototxt.common.progress import Progress

Preparing = Generator[Progress, None, Callable[[], QWidget]]
_BAR = 320  # pixels
_PATIENCE = 500  # milliseconds that it may take to be on screen


@contextmanager
def _ended_by_ctrl_c() -> Iterator[None]:
    """Let Ctrl-C end the program at once: while Qt's loop waits for events, Python's own handler is not called."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@_ended_by_ctrl_c()
def run(prepare: Callable[[], Preparing], name: str) -> int:
    """Show at once that something is opened, and then the window that was prepared; stay until it is closed.

    Parameters
    ----------
    prepare : runs on another thread, step by step; it returns what makes the window, which is called on Qt's thread.
        What it imports needs not to be there yet. Closing the window ends it at its next step.
    name : of what is opened.

    Returns
    -------
    Exit code of the program.

    Raises
    ------
    InputError : if there is no display; and what ``prepare`` and what it returns raise.
    """
    check_display()
    app = make_application(Settings.model_fields["font_size"].default)
    start = StartWindow(name, window_memory())
    start.show_at_once(app)
    work = Preparation(prepare)
    start.cancelled.connect(work.cancel)
    work.progressed.connect(start.show_progress)

    def finish() -> None:
        work.make_window()
        start.finish()
        if work.window is None:
            app.quit()

    work.ended.connect(finish, Qt.ConnectionType.QueuedConnection)
    work.begin()
    try:
        code = app.exec()
    finally:
        work.cancel()
        work.wait()
        start.finish()
    if work.problem is not None:
        raise work.problem
    return code


class StartWindow(QWidget):
    """Where and as large as the window will be: what is opened, and how far that is; q and closing it cancel.

    Parameters
    ----------
    name : of what is opened.
    memory : where the window keeps its place and size.
    """

    cancelled = Signal()

    def __init__(self, name: str, memory: QSettings) -> None:
        super().__init__()
        self.seen = False
        self._ended = False
        self.setWindowTitle(f"Opening {name} - DeepVis")
        resize_to_fit(self, Settings.model_fields["window_size"].default)
        kept = memory.value("geometry")
        if isinstance(kept, QByteArray):
            self.restoreGeometry(kept)
        title = QLabel(f"Opening {name}")
        title.setFont(theme.bold(title.font()))
        self.words = QLabel()
        self.words.setStyleSheet(f"color: {theme.DIM};")
        self.bar = QProgressBar()
        self.bar.setFixedWidth(_BAR)
        self.bar.setTextVisible(False)
        column = QVBoxLayout(self)
        column.setSpacing(8)
        column.addStretch()
        for widget in (title, self.bar, self.words):
            column.addWidget(widget, alignment=Qt.AlignmentFlag.AlignHCenter)
        column.addStretch()
        for keys in ("q", "Ctrl+Q"):
            QShortcut(QKeySequence(keys), self, self.close)
        self.show_progress(Progress(0, 0, "loading the libraries"))

    def show_at_once(self, app: QApplication) -> None:
        """Be on screen before anything is imported, which holds Python for so long that the window would stay empty."""
        self.show()
        patience = QDeadlineTimer(_PATIENCE)
        while not self.seen and not patience.hasExpired():
            app.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 10)

    def show_progress(self, progress: Progress) -> None:
        """Say where the work is."""
        self.words.setText(progress.what)
        self.bar.setRange(0, progress.total)
        self.bar.setValue(progress.done)

    def finish(self) -> None:
        """Make room for the window; this is no cancelling."""
        self._ended = True
        self.close()

    def paintEvent(self, event: Any) -> None:
        """Note that it is on screen."""
        super().paintEvent(event)
        self.seen = True

    def closeEvent(self, event: QCloseEvent) -> None:
        """Cancel what is opened, if the user closes it."""
        super().closeEvent(event)
        if not self._ended:
            self.cancelled.emit()


class Preparation(QObject):
    """Runs a generator to its end on a thread of its own; what it returns then makes the window on Qt's.

    Parameters
    ----------
    prepare : makes the generator.
    """

    progressed = Signal(object)
    ended = Signal()

    def __init__(self, prepare: Callable[[], Preparing]) -> None:
        super().__init__()
        self.window: QWidget | None = None
        self.problem: BaseException | None = None
        self._prepare = prepare
        self._make: Callable[[], QWidget] | None = None
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, name="deepvis start")

    def begin(self) -> None:
        """Start the thread."""
        self._thread.start()

    def cancel(self) -> None:
        """End the work at its next step."""
        self._cancelled.set()

    def wait(self) -> None:
        """Wait for the thread to end; it ends at the next step after `cancel`."""
        self._thread.join()

    def make_window(self) -> None:
        """Make the window, unless the work was cancelled or has failed; to be called on Qt's thread after its end."""
        if self.problem is None and self._make is not None:
            try:
                self.window = self._make()
            except BaseException as problem:
                self.problem = problem

    def _run(self) -> None:
        try:
            work = self._prepare()
            try:
                while not self._cancelled.is_set():
                    self.progressed.emit(next(work))
            except StopIteration as stop:
                self._make = stop.value
            finally:
                work.close()
        except BaseException as problem:
            self.problem = problem
        finally:
            self.ended.emit()
