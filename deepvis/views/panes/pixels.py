"""Edits the preprocessing: fields that act while one types, statistics of the pictures, and the doctor's table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
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
from deepvis.pixels.doctor import OWN, Diagnosis, Row, diagnose
from deepvis.pixels.fields import FIELDS, edited, texts
from deepvis.pixels.statistics import Measured, measured
from deepvis.views import theme
from deepvis.views.panes.registry import pane_widget
from prototxt.common.atomic import write_text
from prototxt.common.errors import InputError
from prototxt.formats.schema import NetParameter
from prototxt.pixels.preprocess import Preprocessing
from prototxt.pixels.preprocess_file import read_preprocessing

_PLACES = {  # row and column of each field
    "channel_order": (0, 0),
    "raw_scale": (1, 0),
    "mean": (0, 1),
    "std": (1, 1),
    "resize": (2, 0),
    "interpolation": (3, 0),
    "crop": (2, 1),
}
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
        self.edits: dict[str, QLineEdit | QComboBox] = {}
        self.errors: dict[str, QLabel] = {}
        self.note = QElidingLabel()
        self.note.setStyleSheet(f"color: {theme.DIM};")
        self.note.setFont(theme.small(self.font()))
        self.given = QTableWidget(0, 5)
        self.doctor = DoctorTable(self._take_row)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 8, 4)
        row.setSpacing(14)
        row.addWidget(self._form(), 5)
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
            self._offer(content)
            self.doctor.clear()
        if before is None or before.preprocessing != content.preprocessing:
            self.note.setText(content.note)
            if content.preprocessing != self._mine:
                self._follow(content)
        _fill(
            self.given,
            [
                (channel.name, *(f"{value:.3g}" for value in (channel.low, channel.high, channel.mean, channel.std)))
                for channel in content.channels
            ],
        )

    # -- making -----------------------------------------------------------------------------------------------------

    def _form(self) -> QWidget:
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        fields = QGridLayout()
        fields.setVerticalSpacing(3)
        fields.setHorizontalSpacing(8)
        for name, (line, place) in _PLACES.items():
            fields.addWidget(QLabel(FIELDS[name].title), 2 * line, 2 * place)
            fields.addWidget(self._edit(name), 2 * line, 2 * place + 1)
            self.errors[name] = QLabel(wordWrap=True)
            self.errors[name].setFont(theme.small(self.font()))
            self.errors[name].setStyleSheet(f"color: {theme.ACCENT};")
            self.errors[name].hide()
            fields.addWidget(self.errors[name], 2 * line + 1, 2 * place, 1, 2)
        fields.setColumnStretch(1, 2)
        fields.setColumnStretch(3, 3)
        fields.addWidget(self._button("Mean image…", self._choose_mean, "Take a mean image from a file"), 6, 2, 1, 2)
        column.addLayout(fields)
        column.addStretch(1)
        column.addLayout(self._buttons())
        return body

    def _edit(self, name: str) -> QWidget:
        field = FIELDS[name]
        edit: QLineEdit | QComboBox
        if field.suggestions or field.closed:
            edit = QComboBox(editable=not field.closed)
            edit.addItems(field.suggestions)
            signal = edit.textActivated if field.closed else edit.editTextChanged
        else:
            edit = QLineEdit()
            signal = edit.textEdited
        signal.connect(partial(self._typed, name))
        edit.setToolTip(f"{field.title}: {field.hint}")
        edit.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.edits[name] = edit
        return edit

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
        _dress(self.given, ("channel", "least", "greatest", "mean", "std"))
        self.given.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.given.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.given.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        column.addWidget(self.given, 1)
        column.addWidget(self.note)
        return body

    # -- following --------------------------------------------------------------------------------------------------

    def _offer(self, content: PixelsContent) -> None:
        orders = self.edits["channel_order"]
        assert isinstance(orders, QComboBox)
        orders.clear()
        orders.addItems(content.orders)

    def _follow(self, content: PixelsContent) -> None:
        """Write what is true into every field."""
        self._write(content.texts)

    def _write(self, shown: Mapping[str, str]) -> None:
        """Write into fields; this is no edit of theirs."""
        for name, text in shown.items():
            edit = self.edits[name]
            edit.blockSignals(True)
            if isinstance(edit, QLineEdit):
                edit.setText(text)
            else:
                edit.setCurrentText(text)
            edit.blockSignals(False)
            self._tell(name, "")

    def _text(self, name: str) -> str:
        edit = self.edits[name]
        return edit.text() if isinstance(edit, QLineEdit) else edit.currentText()

    def _tell(self, name: str, sentence: str) -> None:
        self.errors[name].setText(sentence)
        self.errors[name].setVisible(bool(sentence))

    # -- what the user does -----------------------------------------------------------------------------------------

    def _typed(self, name: str, text: str) -> None:
        """Use what is typed as soon as it is a value; else say at the field what is wrong."""
        before = self._model.preprocessing
        try:
            changed = edited(self._model, name, text, self._text("mean"))
        except InputError as error:
            self._tell(name, str(error).removeprefix("preprocessing: "))
            return
        self._tell(name, "")
        if changed != before:
            self._mine = changed
            if name == "channel_order":
                self._write({other: now for other, now in texts(changed).items() if now != texts(before)[other]})
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
            self._follow(self._content)
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
            self._write({"mean": path})
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


class DoctorTable(QWidget):
    """The doctor's variants, best first; a click takes one.

    Parameters
    ----------
    take : gets the row that was clicked.
    """

    def __init__(self, take: Callable[[Row], None]) -> None:
        super().__init__()
        self._rows: tuple[Row, ...] = ()
        self._take = take
        self.head = QLabel("Doctor", wordWrap=True)
        self.head.setFont(theme.small(self.font()))
        self.head.setStyleSheet(f"color: {theme.DIM};")
        self.table = QTableWidget(0, 6)
        _dress(self.table, ("order", "scale, std", "mean", "top-1", "log p", "images"))
        self.table.cellClicked.connect(lambda row, _: self._take(self._rows[row]))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        title = QLabel("Which normalisation was it trained with?")
        title.setFont(theme.bold(self.font()))
        column.addWidget(title)
        column.addWidget(self.table, 1)
        column.addWidget(self.head)
        self.clear()

    def clear(self) -> None:
        """Forget the diagnosis of another model."""
        self._rows = ()
        _fill(self.table, [])
        self.head.setText(
            "The doctor needs pictures with classes of this net: a list of 'path label', class folders, LMDB"
        )

    def show_diagnosis(self, found: Diagnosis) -> None:
        """Show the ranking."""
        self._rows = found.rows
        _fill(self.table, [_cells(row, row is found.chosen) for row in found.rows])
        self.table.scrollTo(self.table.model().index(found.rows.index(found.chosen), 0))
        tied = sum(row.tied for row in found.rows)
        if found.guessing:
            words = (
                "no variant is better than guessing: check that the labels are the net's classes, and resize and crop"
            )
        elif tied > 1:
            words = (
                f"{tied} variants (=) cannot be told apart by these pictures; the commonest is marked >. Click to take"
            )
        else:
            words = "the best is marked >. Click a row to take it"
        self.head.setText(words)


def _cells(row: Row, chosen: bool) -> tuple[str, ...]:
    variant = row.variant
    mark = "> " if chosen else "= " if row.tied else ""
    spread, mean = ("", OWN) if variant.mean == OWN else (variant.spread, variant.mean)
    return (
        mark + variant.order,
        spread,
        mean,
        f"{100 * row.accuracy:.1f} %",
        f"{row.log_probability:.3f}",
        str(row.images),
    )


def _dress(table: QTableWidget, titles: tuple[str, ...]) -> None:
    """Give a table its titles and the look of a list that is read."""
    table.setFont(theme.small(table.font()))
    table.setHorizontalHeaderLabels(titles)
    table.setStyleSheet(f"QHeaderView::section {{ font-size: {table.font().pointSizeF():.1f}pt; padding: 2px 4px; }}")
    table.horizontalHeader().setMinimumSectionSize(24)
    table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + 4)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    table.horizontalHeader().setStretchLastSection(True)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    table.setShowGrid(False)
    table.setMinimumSize(120, 60)


def _fill(table: QTableWidget, rows: list[tuple[str, ...]]) -> None:
    """Write rows; cells that say the same already stay."""
    table.setRowCount(len(rows))
    for line, cells in enumerate(rows):
        for column, text in enumerate(cells):
            item = table.item(line, column)
            if item is None:
                table.setItem(line, column, QTableWidgetItem(text))
            elif item.text() != text:
                item.setText(text)
