"""The whole net: every layer as a row of a table and as a node of a graph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deepvis.controllers.panes.registry import pane
from deepvis.controllers.sources import Sources
from deepvis.netgraph.analyser import Analysis, Row, analyse
from deepvis.netgraph.chart import Chart, draw_chart, matches
from deepvis.state.resolve import DisplayState

COLUMNS: tuple[str, ...] = ("Layer", "Type", "Activations", "Learnables", "Count", "Field", "Stride", "Settings")


@dataclass(frozen=True, eq=False)
class NetworkContent:
    """Table and graph.

    Parameters
    ----------
    analysis : the table.
    chart : the graph; None while it is laid out.
    """

    analysis: Analysis
    chart: Chart | None = None

    def found(self, words: str) -> tuple[int, ...]:
        """Places of the rows whose name, type or settings have all of these words; all rows for no words."""
        rows = enumerate(self.analysis.rows)
        return tuple(place for place, row in rows if matches(words, row.name, row.type, row.about))

    def cells(self, place: int) -> tuple[str, ...]:
        """What a row shows in `COLUMNS`; the row after the last one has the sums."""
        if place < self.analysis.layers:
            return _cells(self.analysis.rows[place])
        total = self.analysis
        return ("Total", f"{total.layers} layers", f"{total.values:,} values", "", f"{total.count:,}", "", "", "")


@pane("network", "Network", follows=(), height=320)
def make_network(state: DisplayState, sources: Sources) -> Iterator[NetworkContent]:
    """The table at once, then the graph: laying out hundreds of layers with many branches takes seconds."""
    model = sources.session.engine.model
    analysis = analyse(model)
    yield NetworkContent(analysis)
    yield NetworkContent(analysis, draw_chart(model.graph, analysis, sources.session.engine.net))


def _cells(row: Row) -> tuple[str, ...]:
    count = f"{row.count:,}" if row.learnables else ""
    return (row.name, row.type, row.activations, row.learnables, count, row.field, row.stride, row.about)
