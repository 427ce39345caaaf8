"""Between which values the maps of every layer lie in all pictures that were seen: their fixed scale."""

from __future__ import annotations

from collections.abc import Mapping

from deepvis.controllers.sources import Range
from deepvis.engines.engine import BaseEngine
from prototxt.net.graph import Value


class Ranges:
    """Least and greatest value of each layer; they only grow, and begin anew with another engine."""

    def __init__(self) -> None:
        self._engine: BaseEngine | None = None
        self._ranges: dict[Value, Range] = {}

    def __getitem__(self, value: Value) -> Range:
        """Range of a value of the graph; KeyError where it was never seen."""
        return self._ranges[value]

    def get(self, value: Value) -> Range | None:
        """Range of a value of the graph; None where it was never seen."""
        return self._ranges.get(value)

    def forget(self) -> None:
        """Begin anew."""
        self._ranges.clear()

    def see(self, engine: BaseEngine, ranges: Mapping[Value, Range]) -> None:
        """Take in what an engine found in one picture."""
        if engine is not self._engine:
            self._engine = engine
            self.forget()
        for value, (low, high) in ranges.items():
            known = self._ranges.get(value, (low, high))
            self._ranges[value] = (min(low, known[0]), max(high, known[1]))
