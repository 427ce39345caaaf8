"""The window: where the panes are, its menus and keys. It shows what the controller says and computes nothing."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, QSettings, Signal
from PySide6.QtGui import QCloseEvent, QContextMenuEvent, QDragEnterEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QMainWindow, QStackedWidget, QWidget
from superqt import QElidingLabel

from deepvis.compute.facts import Whole
from deepvis.compute.frames import UnitFrames
from deepvis.controllers.contents import ClassesContent, FactsContent, GridContent, ImageContent, StatusContent
from deepvis.controllers.lanes import Problem
from deepvis.controllers.values import Shown
from deepvis.controllers.viewer import ViewerController
from deepvis.engines.choices import choices
from deepvis.session.links import is_link
from deepvis.session.session import Session
from deepvis.state.resolve import DisplayState
from deepvis.state.viewer import ViewerModel
from deepvis.views import theme
from deepvis.views.classes_pane import ClassesPane
from deepvis.views.columns import GAP, Columns, stacked
from deepvis.views.docks import Docks
from deepvis.views.engine_menu import EngineMenu
from deepvis.views.error_bar import ErrorBar
from deepvis.views.facts_pane import FactsPane
from deepvis.views.grid_pane import GridPane
from deepvis.views.help_pane import HelpPane
from deepvis.views.keys import commands_of
from deepvis.views.layer_bar import LayerBar
from deepvis.views.menus import Menus
from deepvis.views.options_pane import OptionsPane
from deepvis.views.picture_pane import PicturePane
from deepvis.views.question_bar import QuestionBar
from deepvis.views.saveable import Saveable
from deepvis.views.task_bar import TaskBar
from deepvis.views.whole_picture import WholePicture
from deepvis.views.window_protocol import WindowActions
from deepvis.views.workers import Workers
from prototxt.common.progress import Progress

_MIDDLES = {"grid": 0, "unit": 1, "back": 2}
_SECONDS = 5  # that a message stands


class Window(QMainWindow):
    """The window of the thesis's Figure 3.1.

    It is the `deepvis.controllers.contents.View` of its controller, and the `WindowProtocol` of its actions.

    Parameters
    ----------
    session : what is looked at.
    model : the state.
    actions : what it does besides changing the state; `deepvis.views.app.make_window` hands them over.
    memory : where the arrangement of the panes is kept; None keeps it nowhere.
    keymap : a name of `deepvis.views.keys.KEYMAPS`.
    user_folder : where bookmarks and recent models are kept; None keeps them nowhere.
    """

    closed = Signal()

    def __init__(
        self,
        session: Session,
        model: ViewerModel,
        actions: WindowActions,
        memory: QSettings | None = None,
        keymap: str = "deepvis",
        user_folder: Path | None = None,
    ) -> None:
        super().__init__()
        self._actions = actions
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
        self.middle = QStackedWidget()
        for pane in (self.grid_pane, self.big_unit, self.big_back):
            self.middle.addWidget(pane)
        top = stacked(self.input_pane, self.classes_pane, stretched=0)
        centre = stacked(self.layer_bar, self.middle, gap=4, stretched=1)
        left = (top, self.unit_pane, self.back_pane)
        self.columns = Columns(left, centre, self.facts_pane, self.options_pane)
        bars = (self.error_bar, self.question_bar)
        self.setCentralWidget(stacked(*bars, self.columns, gap=GAP, margin=GAP, stretched=2))
        self.help_pane = HelpPane(self, self._commands)
        self.whole_picture = WholePicture(self)

    def _make_menus(self) -> None:
        submenus = {name: partial(fill, self) for name, fill in self._actions.submenus.items()}
        menus = Menus(self, self._commands, self.do, submenus)
        self.actions_by_name = menus.entries
        self.docks = Docks(self, self._model, self.controller, menus.by_title["Panes"])
        engines = choices(self.controller.session.settings.caffe_python)
        self.engine_menu = EngineMenu(menus.by_title["Compute"], engines, partial(self._actions.choose_engine, self))
        self.engine_menu.follow(self.controller.session.engine.name)

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

    # -- what actions need ------------------------------------------------------------------------------------------

    def do(self, action: str) -> None:
        """Carry out the action of a command: one of the window's own, or one on the state."""
        if action in self._actions.commands:
            self._actions.commands[action](self)
        else:
            self.controller.do(action)

    @property
    def widget(self) -> QWidget:
        """The window itself: what dialogues and menus belong to, and what is saved as a picture."""
        return self

    @property
    def saveable(self) -> dict[str, Saveable]:
        """The panes that are on screen, by key, from left to right."""
        panes = {
            "input": Saveable("Input", self.input_pane),
            "classes": Saveable("Classes", self.classes_pane),
            "unit": Saveable("Selected unit", self.unit_pane),
            "back": Saveable("Back-propagation", self.back_pane),
            "layer": Saveable("Layer", self.middle),
            "facts": Saveable("Patches and histogram", self.facts_pane),
            **self.docks.saveable,
        }
        return {key: pane for key, pane in panes.items() if pane.widget.isVisibleTo(self)}

    @property
    def shown(self) -> Shown | None:
        """What the panes show, for files of values; None before there is anything."""
        state, sources = self.controller.state, self.controller.sources()
        grid, facts = self.grid_pane.content, self.facts_pane.content
        return None if state is None else Shown(state, sources, grid, facts, self.docks.open_contents)

    def show_message(self, text: str) -> None:
        """Show for some seconds in the status line that something is done."""
        self.statusBar().showMessage(text, 1000 * _SECONDS)

    def edit_filter(self) -> None:
        """Let the user type a filter above the grid."""
        self.grid_pane.head.edit_filter()

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
        right = self.columns.reset_layout(self.width())
        self.facts_pane.reset_layout(right)
        self.docks.reset_layout()
        self.grid_pane.reset_zoom()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer to save and copy the pane that was clicked."""
        self._actions.show_pane_menu(self, event.globalPos())

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
            self._actions.open_paths(self, paths)
        else:
            self._actions.open_link(self, mime.text())

    def closeEvent(self, event: QCloseEvent) -> None:
        """Stop the work, remember the arrangement."""
        self.controller.close()
        self._workers.close()
        self.controller.release()
        if self._memory is not None:
            self._memory.setValue("geometry", self.saveGeometry())
            self.columns.remember(self._memory)
        super().closeEvent(event)
        self.closed.emit()

    def _restore(self) -> None:
        if self._memory is None:
            return
        geometry = self._memory.value("geometry")
        if isinstance(geometry, QByteArray):
            self.restoreGeometry(geometry)
        self.columns.restore(self._memory)

    def _patch_hovered(self, rank: int) -> None:
        if rank < 0:
            self.whole_picture.hide()
        else:
            self.controller.ask_whole(rank)
