"""What the window keeps for its user between two runs: the models that were open last."""

from __future__ import annotations

from deepvis.controllers.lanes import Outcome
from deepvis.session.bookmarks import RecentModels
from deepvis.session.links import link_to_model
from deepvis.settings.settings import Settings
from deepvis.views.window_protocol import WindowProtocol


def recent_models(window: WindowProtocol) -> list[str]:
    """Links to the models that were open last, the newest first; a `SettingsError` if their file is broken."""
    return [] if window.user_folder is None else RecentModels(window.user_folder).all()


def remember_model(window: WindowProtocol, settings: Settings) -> None:
    """Put a model at the top of those that were open last; the file is written beside the window."""
    folder = window.user_folder
    if folder is None:
        return
    link = str(link_to_model(settings))

    def done(outcome: Outcome) -> None:
        if outcome.problem is not None:
            window.show_problem(outcome.problem)

    window.controller.lanes["disk"].submit(f"remember {link}", lambda: RecentModels(folder).add(link), done)
