"""The table of the normalisation doctor."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QAbstractItemView, QLabel, QVBoxLayout, QWidget

from deepvis.pixels.doctor import NO_BETTER, Diagnosis, Row
from deepvis.views import theme
from deepvis.views.tables import RowTable

_NEEDS = "The doctor needs pictures with classes of this net: a list of 'path label', class folders, LMDB"


class DoctorTable(QWidget):
    """The doctor's variants, best first; a click takes one.

    Parameters
    ----------
    take : gets the row that was clicked.
    """

    def __init__(self, take: Callable[[Row], None]) -> None:
        super().__init__()
        self._rows: tuple[Row, ...] = ()
        self.table = RowTable(("order", "scale, std", "mean", "top-1", "log p", "images"))
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.cellClicked.connect(lambda row, _: take(self._rows[row]))
        self.head = QLabel(wordWrap=True)
        self.head.setFont(theme.small(self.font()))
        self.head.setStyleSheet(f"color: {theme.DIM};")
        title = QLabel("Which normalisation was it trained with?")
        title.setFont(theme.bold(self.font()))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(title)
        column.addWidget(self.table, 1)
        column.addWidget(self.head)
        self.clear()

    def clear(self) -> None:
        """Forget the diagnosis of another model."""
        self._rows = ()
        self.table.show_rows([])
        self.head.setText(_NEEDS)

    def show_diagnosis(self, found: Diagnosis) -> None:
        """Show the ranking."""
        self._rows = found.rows
        self.table.show_rows([_cells(found, row) for row in found.rows])
        self.table.scrollTo(self.table.model().index(found.rows.index(found.chosen), 0))
        self.head.setText(_verdict(found))


def _cells(found: Diagnosis, row: Row) -> tuple[str, ...]:
    mark = found.mark(row)
    order, *rest = row.cells
    return f"{mark} {order}" if mark else order, *rest


def _verdict(found: Diagnosis) -> str:
    if found.guessing:
        return NO_BETTER
    if found.tied > 1:
        return (
            f"{found.tied} variants (=) cannot be told apart by these pictures; the commonest is marked >. Click to"
            " take"
        )
    return "the best is marked >. Click a row to take it"
