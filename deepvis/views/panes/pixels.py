"""Edits the preprocessing: fields that act while one types, statistics of the pictures, and the doctor's table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from deepvis.controllers.lanes import Problem
from deepvis.controllers.panes.pixels import PixelsContent
from deepvis.controllers.tasks import Task
from deepvis.controllers.viewer import ViewerController
from deepvis.errors import ImageError
from deepvis.model.model import Model
from deepvis.pixels.change import check_input
from deepvis.pixels.doctor import Diagnosis, Row, diagnose
from deepvis.pixels.fields import edited, texts
from deepvis.pixels.statistics import Measured, measured
from deepvis.views import theme
from deepvis.views.doctor_table import DoctorTable
from deepvis.views.panes.registry import pane_widget
from deepvis.views.pixels_form import PixelsForm
from deepvis.views.tables import RowTable
from prototxt.common.atomic import write_text
from prototxt.common.errors import InputError
from prototxt.formats.schema import NetParameter
from prototxt.pixels.preprocess import Preprocessing
from prototxt.pixels.preprocess_file import read_preprocessing

DOCTORS_IMAGES = 200
"""Labelled pictures that the doctor looks at from the window; the command takes more."""


@pane_widget("pixels")
class PixelsPane(QWidget):
    """Draws a `PixelsContent` and changes the preprocessing of the session."""

    def __init__(self, controller: ViewerController) -> None:
        super().__init__()
        self._controller = controller
        self._content: PixelsContent | None = None
        self._net: NetParameter | None = None  # which net the fields and the doctor's table are of
        self._mine: Preprocessing | None = None  # what was typed here last; its texts stay as they were typed
        self.form = PixelsForm(self._typed)
        self.edits, self.errors = self.form.edits, self.form.errors
        self.note = QElidingLabel()
        self.note.setStyleSheet(f"color: {theme.DIM};")
        self.note.setFont(theme.small(self.font()))
        self.given = RowTable(("channel", "least", "greatest", "mean", "std"))
        self.doctor = DoctorTable(self._take_row)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 8, 4)
        row.setSpacing(14)
        row.addWidget(self._fields_and_buttons(), 5)
        row.addWidget(self._of_the_picture(), 3)
        row.addWidget(self.doctor, 5)

    def sizeHint(self) -> QSize:
        """All fields and some rows of the tables."""
        return QSize(900, 210)

    def show_content(self, content: PixelsContent) -> None:
        """Draw this from now on; a text that is being typed stays."""
        before, self._content = self._content, content
        net = self._controller.session.opened.net
        if net is not self._net:
            self._net = net
            self.form.offer("channel_order", content.orders)
            self.doctor.clear()
        if before is None or before.preprocessing != content.preprocessing:
            self.note.setText(content.note)
            if content.preprocessing != self._mine:
                self.form.write(content.texts)
        self.given.show_rows(
            [
                (channel.name, *(f"{value:.3g}" for value in (channel.low, channel.high, channel.mean, channel.std)))
                for channel in content.channels
            ]
        )

    # -- making -----------------------------------------------------------------------------------------------------

    def _fields_and_buttons(self) -> QWidget:
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        choose = self._button("Mean image…", self._choose_mean, "Take a mean image from a file")
        self.form.grid.addWidget(choose, 6, 2, 1, 2)
        column.addWidget(self.form)
        column.addStretch(1)
        column.addLayout(self._buttons())
        return body

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(6)
        for text, action, hint in (
            ("As the model says", self.reset, "What the model came with"),
            ("From these pictures", self.measure, "Compute mean and std from all pictures that are open"),
            ("Doctor", self.diagnose, "Try usual normalisations on labelled pictures and show which fit"),
            ("Open…", self.open, "Take a preprocessing from a JSON file or a conversion.json"),
            ("Save…", self.save, "Save as JSON, for deepvis scan --preprocessing"),
        ):
            row.addWidget(self._button(text, action, hint))
        row.addStretch(1)
        return row

    def _button(self, text: str, action: Callable[[], None], hint: str) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(hint)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.clicked.connect(lambda: action())
        return button

    def _of_the_picture(self) -> QWidget:
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        head = QLabel("What the net is given")
        head.setFont(theme.bold(self.font()))
        column.addWidget(head)
        self.given.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.given.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        column.addWidget(self.given, 1)
        column.addWidget(self.note)
        return body

    # -- what the user does -----------------------------------------------------------------------------------------

    def _typed(self, name: str, text: str) -> None:
        """Use what is typed as soon as it is a value; else say at the field what is wrong."""
        before = self._model.preprocessing
        try:
            changed = edited(self._model, name, text, "" if self.errors["mean"].text() else self.form.text("mean"))
        except InputError as error:
            self.form.tell(name, str(error).removeprefix("preprocessing: "))
            return
        self.form.tell(name, "")
        if changed != before:
            self._mine = changed
            if name == "channel_order":
                self.form.write({other: now for other, now in texts(changed).items() if now != texts(before)[other]})
            self._controller.set_preprocessing(changed)

    def take(self, preprocessing: Preprocessing) -> None:
        """Use a whole preprocessing; the bar says where it does not fit the net."""
        try:
            check_input(self._model, preprocessing)
        except InputError as error:
            self._problem(str(error))
            return
        self._mine = None
        if self._content is not None and preprocessing == self._content.preprocessing:
            self.form.write(self._content.texts)
        self._controller.set_preprocessing(preprocessing)

    def reset(self) -> None:
        """Use what the model came with."""
        self.take(self._controller.session.opened.preprocessing)

    def measure(self) -> None:
        """Fill mean and standard deviation in from all pictures that are open."""
        images, model = self._controller.session.images, self._model
        if images is None:
            self._problem("there are no pictures to compute from: open a folder with Ctrl+O")
            return

        def done(found: Measured) -> None:
            if self._model.preprocessing != model.preprocessing:
                self._problem("the preprocessing was changed while mean and std were computed; compute them again")
            elif self._is_shown(model):
                self.take(found.preprocessing)
                self._tell_unusable(found.errors)

        self._controller.tasks.start(Task("Mean and std", measured(model.preprocessing, images), done))

    def diagnose(self) -> None:
        """Try usual normalisations on labelled pictures and show which fit."""
        session, model = self._controller.session, self._model
        if session.images is None:
            self._problem("there are no pictures for the doctor: open pictures with classes")
            return

        def done(found: Diagnosis) -> None:
            if self._is_shown(model):
                self.doctor.show_diagnosis(found)
                self._tell_unusable(found.errors)

        work = diagnose(session.opened, session.images, geometry=model.preprocessing, limit=DOCTORS_IMAGES)
        self._controller.tasks.start(Task("Doctor", work, done))

    def open(self) -> None:
        """Ask for a file and use its preprocessing."""
        path, _ = QFileDialog.getOpenFileName(self, "Open a preprocessing", "", "JSON (*.json)")
        if path:
            try:
                self.take(read_preprocessing(Path(path)))
            except InputError as error:
                self._problem(str(error))

    def save(self) -> None:
        """Ask for a file and save the preprocessing as it is."""
        path, _ = QFileDialog.getSaveFileName(self, "Save the preprocessing", "pixels.json", "JSON (*.json)")
        if path:
            try:
                write_text(Path(path), self._model.preprocessing.to_json() + "\n")
            except InputError as error:
                self._problem(str(error))

    def _choose_mean(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Mean image", "", "Mean images (*.binaryproto *.npy)")
        if path:
            self.form.write({"mean": path})
            self._typed("mean", path)

    def _take_row(self, row: Row) -> None:
        self.take(row.variant.preprocessing)

    @property
    def _model(self) -> Model:
        return self._controller.session.engine.model

    def _is_shown(self, model: Model) -> bool:
        return self._controller.session.opened.net is model.net

    def _problem(self, sentence: str) -> None:
        self._controller.view.show_problem(Problem(sentence))

    def _tell_unusable(self, errors: tuple[ImageError, ...]) -> None:
        if errors:
            self._problem(f"{len(errors)} images could not be used; the first: {errors[0]}")
