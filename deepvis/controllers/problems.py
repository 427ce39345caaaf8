"""What went wrong, and when it is over: of what the bar above the panes tells."""

from __future__ import annotations

from deepvis.controllers.contents import View
from deepvis.controllers.lanes import Problem


class Problems:
    """Shows problems, and takes one away when what it was about succeeds.

    Parameters
    ----------
    view : has the bar.
    """

    def __init__(self, view: View) -> None:
        self.all: list[Problem] = []
        """Every problem so far."""
        self._view = view
        self._kind = ""

    def fail(self, kind: str, problem: Problem) -> None:
        """Something has failed, such as ``"picture"`` or ``"pane blob"``."""
        self._kind = kind
        self.all.append(problem)
        self._view.show_problem(problem)

    def succeed(self, kind: str) -> None:
        """Something has not failed: a problem of it is over."""
        if self.are_of(kind):
            self._kind = ""
            self._view.clear_problem()

    def are_of(self, kind: str) -> bool:
        """Whether the bar tells of such a problem."""
        return self._kind == kind

    def tell(self, notice: str) -> None:
        """Show what the engine has to say, if it has; it stays until it is closed."""
        if notice:
            self._view.show_problem(Problem(notice))
