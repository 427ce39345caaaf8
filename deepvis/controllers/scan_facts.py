"""What the scan says of the selected unit: asked for beside the window, shown if it still fits."""

from __future__ import annotations

from collections.abc import Callable

from deepvis.controllers.contents import FactsContent, View
from deepvis.controllers.lanes import Lane, Outcome, Problem
from deepvis.session.session import Session
from deepvis.state.resolve import DisplayState


class ScanFacts:
    """Asks the scan of the session.

    Parameters
    ----------
    lane : where the scan is read.
    view : draws the answers.
    session, state : give what is looked at now; no state before there is anything.
    fail : gets a problem.
    """

    def __init__(
        self,
        lane: Lane,
        view: View,
        session: Callable[[], Session],
        state: Callable[[], DisplayState | None],
        fail: Callable[[Problem], None],
    ) -> None:
        self._lane = lane
        self._view = view
        self._session = session
        self._state = state
        self._fail = fail

    def ask(self) -> None:
        """Show the facts of the selected unit, or what is missing for them."""
        state, session = self._state(), self._session()
        if state is None or not state.show_patches:
            return
        facts = session.facts
        if facts is None:
            self._view.show_facts(FactsContent(missing=session.facts_missing))
            return
        if not state.layer.has_filters:
            missing = f"{state.layer.name} ({state.layer.type}) has no filters of its own: scans hold layers that have"
            self._view.show_facts(FactsContent(missing=missing))
            return
        layer, unit = state.layer.name, state.unit

        def done(outcome: Outcome) -> None:
            if outcome.problem is not None and outcome.problem.details:
                self._fail(outcome.problem)
            missing = outcome.problem.sentence if outcome.problem else ""
            self._view.show_facts(FactsContent(outcome.result, missing, facts.stale or ""))

        self._lane.submit("facts", lambda: facts.unit(layer, unit), done, self._same_unit(state, session))

    def ask_whole(self, rank: int) -> None:
        """Show the whole picture of a patch of the selected unit."""
        state, session = self._state(), self._session()
        facts = session.facts
        if state is None or facts is None:
            return
        layer, unit = state.layer.name, state.unit

        def done(outcome: Outcome) -> None:
            if outcome.problem is None:
                self._view.show_whole(rank, outcome.result)
            else:
                self._fail(outcome.problem)

        self._lane.submit("whole", lambda: facts.whole(layer, unit, rank), done, self._same_unit(state, session))

    def ask_stale(self, then: Callable[[], None]) -> None:
        """Find out whether the scan is one of the model as it is prepared now, and show the facts again."""
        session = self._session()
        facts, model = session.facts, session.engine.model
        if facts is None:
            return

        def done(outcome: Outcome) -> None:
            if outcome.problem is not None:
                self._fail(outcome.problem)
            self.ask()
            then()

        self._lane.submit("stale", lambda: facts.follow(model), done, lambda: self._session() is session)

    def _same_unit(self, state: DisplayState, session: Session) -> Callable[[], bool]:
        def same() -> bool:
            now = self._state()
            return self._session() is session and now is not None and now.unit_text == state.unit_text

        return same
