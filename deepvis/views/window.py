"""The window: where the panes are, its menus and keys. It shows what the controller says and computes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, QSettings, Qt, Signal
from PySide6.QtGui import (
    QAction,
    QCloseEvent,
    QContextMenuEvent,
    QDragEnterEvent,
    QDropEvent,
    QKeySequence,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QLabel,
    QMainWindow,
    QMenu,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from deepvis.compute.facts import Whole
from deepvis.compute.frames import UnitFrames
from deepvis.controllers.contents import ClassesContent, FactsContent, GridContent, ImageContent, StatusContent
from deepvis.controllers.lanes import Problem
from deepvis.controllers.viewer import ViewerController
from deepvis.engines.choices import choices
from deepvis.session.links import is_link
from deepvis.session.session import Session
from deepvis.state.resolve import DisplayState
from deepvis.state.viewer import ViewerModel
from deepvis.views import theme
from deepvis.views.actions.engines import choose_engine
from deepvis.views.actions.opening import open_link, open_paths
from deepvis.views.actions.registry import SUBMENUS, WINDOW_ACTIONS
from deepvis.views.actions.saving import show_pane_menu
from deepvis.views.classes_pane import ClassesPane
from deepvis.views.docks import Docks
from deepvis.views.engine_menu import EngineMenu
from deepvis.views.error_bar import ErrorBar
from deepvis.views.facts_pane import FactsPane
from deepvis.views.grid_pane import GridPane
from deepvis.views.help_pane import HelpPane
from deepvis.views.keys import MENUS, Command, commands_of
from deepvis.views.layer_bar import LayerBar
from deepvis.views.options_pane import OptionsPane
from deepvis.views.picture_pane import PicturePane
from deepvis.views.question_bar import QuestionBar
from deepvis.views.task_bar import TaskBar
from deepvis.views.whole_picture import WholePicture
from deepvis.views.workers import Workers
from prototxt.common.progress import Progress

_SPLIT = 6  # pixels between panes
_SHARES = (0.17, 0.22, 0.14)  # of the window's width at the start: left, right, far right; the middle takes the rest
_NARROWEST = (210, 260, 260)  # pixels
_ROWS = (14, 10, 10)
_MIDDLES = {"grid": 0, "unit": 1, "back": 2}


class Window(QMainWindow):
    """The window of the thesis's Figure 3.1; it is the `deepvis.controllers.contents.View` of its controller.

    Parameters
    ----------
    session : what is looked at.
    model : the state.
    memory : where the arrangement of the panes is kept; None keeps it nowhere.
    keymap : a name of `deepvis.views.keys.KEYMAPS`.
    user_folder : where bookmarks and recent models are kept; None keeps them nowhere.
    """

    closed = Signal()

    def __init__(
        self,
        session: Session,
        model: ViewerModel,
        memory: QSettings | None = None,
        keymap: str = "deepvis",
        user_folder: Path | None = None,
    ) -> None:
        super().__init__()
        self.user_folder = user_folder
        self.setAcceptDrops(True)
        self._commands = commands_of(keymap)
        self.setWindowTitle(session.title)
        self.setMinimumSize(900, 560)
        self._memory = memory
        self._model = model
        self._workers = Workers()
        self.controller = ViewerController(session, model, self, self._workers.start_on)
        self._make_panes(session)
        self._make_menus()
        self._make_status()
        self._arrange()
        self._connect()

    def start(self) -> None:
        """Lay out the panes and ask for the first picture; to be called once the window has its size."""
        self.reset_layout()
        self._restore()
        self.controller.start()

    @property
    def idle(self) -> bool:
        """Whether everything that was asked for is on screen."""
        return self.controller.idle

    # -- making -----------------------------------------------------------------------------------------------------

    def _make_panes(self, session: Session) -> None:
        net = session.engine.net
        self.input_pane = PicturePane("input")
        self.unit_pane = PicturePane("unit")
        self.back_pane = PicturePane("back")
        self.classes_pane = ClassesPane()
        self.layer_bar = LayerBar(net)
        self.grid_pane = GridPane(self._model, self._commands)
        self.big_unit = PicturePane("big_unit")
        self.big_back = PicturePane("big_back")
        self.facts_pane = FactsPane()
        self.options_pane = OptionsPane(self._model, self._commands)
        self.error_bar = ErrorBar()
        self.question_bar = QuestionBar()

    def _arrange(self) -> None:
        top = QWidget()
        column = QVBoxLayout(top)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.input_pane, 1)
        column.addWidget(self.classes_pane)
        self._rows = _splitter(Qt.Orientation.Vertical, top, self.unit_pane, self.back_pane)
        self.middle = QStackedWidget()
        for pane in (self.grid_pane, self.big_unit, self.big_back):
            self.middle.addWidget(pane)
        centre = QWidget()
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.layer_bar)
        column.addWidget(self.middle, 1)
        self._columns = _splitter(Qt.Orientation.Horizontal, self._rows, centre, self.facts_pane, self.options_pane)
        self._columns.setStretchFactor(1, 1)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(_SPLIT, _SPLIT, _SPLIT, _SPLIT)
        column.setSpacing(_SPLIT)
        column.addWidget(self.error_bar)
        column.addWidget(self.question_bar)
        column.addWidget(self._columns, 1)
        self.setCentralWidget(body)
        self.help_pane = HelpPane(self, self._commands)
        self.whole_picture = WholePicture(self)

    def _make_menus(self) -> None:
        menus = {title: self.menuBar().addMenu(title) for title in MENUS}
        self.actions_by_name: dict[str, QAction] = {}
        for command in self._commands:
            if command.action in SUBMENUS:
                self._add_submenu(command, menus[command.menu])
                continue
            action = QAction(command.text, self)
            action.setShortcuts([QKeySequence(key) for key in command.keys])
            action.triggered.connect(self._runner(command))
            menus[command.menu].addAction(action)
            self.actions_by_name[command.action] = action
        self.docks = Docks(self, self._model, self.controller, menus["Panes"])
        engines = choices(self.controller.session.settings.caffe_python)
        self.engine_menu = EngineMenu(menus["Compute"], engines, lambda choice: choose_engine(self, choice))
        self.engine_menu.follow(self.controller.session.engine.name)

    def _add_submenu(self, command: Command, menu: QMenu) -> None:
        below = menu.addMenu(command.text)
        self.actions_by_name[command.action] = below.menuAction()

        def fill() -> None:
            below.clear()
            SUBMENUS[command.action](self, below)

        below.aboutToShow.connect(fill)

    def _runner(self, command: Command) -> Callable[[], None]:
        if command.action in WINDOW_ACTIONS:
            return lambda: WINDOW_ACTIONS[command.action](self)
        return lambda: self.controller.do(command.action)

    def _make_status(self) -> None:
        self.status = QElidingLabel()
        self.status.setContentsMargins(8, 2, 8, 2)
        hint = QLabel("h  keys")
        hint.setStyleSheet(f"color: {theme.DIM}; padding: 0 8px;")
        self.statusBar().setSizeGripEnabled(False)
        self.statusBar().addWidget(self.status, 1)
        self.task_bar = TaskBar()
        self.task_bar.cancelled.connect(self.controller.tasks.cancel)
        self.statusBar().addPermanentWidget(self.task_bar)
        self.statusBar().addPermanentWidget(hint)

    def _connect(self) -> None:
        controller = self.controller
        self.layer_bar.layer_chosen.connect(controller.select_layer)
        self.layer_bar.stepped.connect(controller.do)
        self.grid_pane.unit_clicked.connect(controller.select_unit)
        self.grid_pane.unit_opened.connect(lambda unit: setattr(self._model, "zoom", "unit"))
        self.grid_pane.aspect_changed.connect(controller.set_aspect)
        self.options_pane.acted.connect(controller.do)
        self.help_pane.closed.connect(lambda: setattr(self._model, "show_help", False))
        self.facts_pane.patch_hovered.connect(self._patch_hovered)
        for pane, zoom in ((self.unit_pane, "unit"), (self.back_pane, "back")):
            pane.double_clicked.connect(lambda zoom=zoom: setattr(self._model, "zoom", zoom))
        for pane in (self.big_unit, self.big_back):
            pane.double_clicked.connect(lambda: setattr(self._model, "zoom", "grid"))

    # -- View -------------------------------------------------------------------------------------------------------

    def show_state(self, state: DisplayState) -> None:
        """Follow the state."""
        self.setWindowTitle(f"{state.unit_text} - {self.controller.session.title}")
        self.layer_bar.show_state(state)
        self.grid_pane.show_state(state)
        self.facts_pane.show_state(state)
        self.options_pane.follow()
        self.middle.setCurrentIndex(_MIDDLES[state.zoom])
        self.classes_pane.setVisible(state.show_classes)
        self.facts_pane.setVisible(state.show_patches)
        self.docks.follow(state)
        if state.show_help and self.help_pane.isHidden():
            self.whole_picture.hide()
            self.help_pane.show_over(self)
        elif not state.show_help and self.help_pane.isVisible():
            self.help_pane.hide()
            self.setFocus()

    def show_input(self, content: ImageContent) -> None:
        """Draw the input picture."""
        self.input_pane.show_content(content)

    def show_unit(self, content: ImageContent) -> None:
        """Draw the selected unit, small and large."""
        self.unit_pane.show_content(content)
        self.big_unit.show_content(content)

    def show_back(self, content: ImageContent) -> None:
        """Draw the result of back-propagation, small and large."""
        self.back_pane.show_content(content)
        self.big_back.show_content(content)

    def show_grid(self, content: GridContent) -> None:
        """Draw all units."""
        self.grid_pane.show_content(content)

    def show_frames(self, frames: UnitFrames) -> None:
        """Frame the units of the grid."""
        self.grid_pane.show_frames(frames)

    def show_facts(self, content: FactsContent) -> None:
        """Draw patches and histogram."""
        self.whole_picture.hide()
        self.facts_pane.show_content(content)

    def show_whole(self, rank: int, content: Whole) -> None:
        """Show the whole picture of the patch that the mouse is over."""
        patches = self.facts_pane.patches
        if rank == patches.under:
            corner = patches.mapTo(self, patches.cell(rank).topLeft())
            self.whole_picture.show_beside(content, patches.patches[rank], corner)

    def show_classes(self, content: ClassesContent) -> None:
        """Draw the most probable classes."""
        self.classes_pane.show_content(content)

    def show_status(self, content: StatusContent) -> None:
        """Write the status line."""
        self.status.setText("   │   ".join(content.parts))

    def show_pane(self, name: str, content: Any) -> None:
        """Give a further pane its content."""
        self.docks.show_content(name, content)

    @property
    def model(self) -> ViewerModel:
        """The state."""
        return self._model

    def show_session(self, session: Session) -> None:
        """Follow another model."""
        self.layer_bar.show_net(session.engine.net)
        self.engine_menu.follow(session.engine.name)

    def show_progress(self, title: str, progress: Progress | None) -> None:
        """Show how far long work is."""
        self.task_bar.show_progress(title, progress)

    def show_problem(self, problem: Problem) -> None:
        """Show what went wrong."""
        self.error_bar.show_problem(problem)

    def clear_problem(self) -> None:
        """Take the bar away."""
        self.error_bar.clear()

    # -- events and arrangement -------------------------------------------------------------------------------------

    def reset_layout(self) -> None:
        """Give every pane its first place and size."""
        left, right, far = (
            max(least, round(self.width() * share)) for share, least in zip(_SHARES, _NARROWEST, strict=True)
        )
        self._columns.setSizes([left, self.width() - left - right - far - 5 * _SPLIT, right, far])
        self._rows.setSizes([1000 * share for share in _ROWS])
        self.facts_pane.reset_layout(right)
        self.docks.reset_layout()
        self.grid_pane.reset_zoom()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer to save and copy the pane that was clicked."""
        show_pane_menu(self, event.globalPos())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the list of keys in the middle."""
        super().resizeEvent(event)
        if self.help_pane.isVisible():
            self.help_pane.show_over(self)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files, and links."""
        mime = event.mimeData()
        if mime.hasUrls() or is_link(mime.text()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what is dropped."""
        mime = event.mimeData()
        paths = [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
        event.acceptProposedAction()
        if paths:
            open_paths(self, paths)
        else:
            open_link(self, mime.text())

    def closeEvent(self, event: QCloseEvent) -> None:
        """Stop the work, remember the arrangement."""
        self.controller.close()
        self._workers.close()
        self.controller.release()
        if self._memory is not None:
            self._memory.setValue("geometry", self.saveGeometry())
            self._memory.setValue("columns", self._columns.saveState())
            self._memory.setValue("rows", self._rows.saveState())
        super().closeEvent(event)
        self.closed.emit()

    def _restore(self) -> None:
        if self._memory is None:
            return
        for key, restore in (
            ("geometry", self.restoreGeometry),
            ("columns", self._columns.restoreState),
            ("rows", self._rows.restoreState),
        ):
            kept = self._memory.value(key)
            if isinstance(kept, QByteArray):
                restore(kept)

    def _patch_hovered(self, rank: int) -> None:
        if rank < 0:
            self.whole_picture.hide()
        else:
            self.controller.ask_whole(rank)


def _splitter(direction: Qt.Orientation, *panes: QWidget) -> QSplitter:
    splitter = QSplitter(direction)
    splitter.setHandleWidth(_SPLIT)
    splitter.setChildrenCollapsible(False)
    for pane in panes:
        splitter.addWidget(pane)
    return splitter
