"""Links to what is seen, and bookmarks of them."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenu

from deepvis.controllers.lanes import Outcome, Problem
from deepvis.session.bookmarks import Bookmarks
from deepvis.session.links import is_link, link_to
from deepvis.sources.names import short_name
from deepvis.views.actions.opening import open_link
from deepvis.views.actions.registry import sentences, submenu, window_action
from deepvis.views.question_bar import Field, Question
from deepvis.views.window_protocol import WindowProtocol

NOT_IN_A_LINK = (
    "The link does not hold the preprocessing that was edited here: save it in the pane From pixels to the input, open"
    " the model with --preprocessing FILE, and make the link then"
)


@window_action("copy_link")
def copy_link(window: WindowProtocol) -> None:
    """Put the link to what is seen on the clipboard."""
    _with_link(window, QGuiApplication.clipboard().setText)


@window_action("open_link")
def ask_for_link(window: WindowProtocol) -> None:
    """Ask for a link, with the one on the clipboard filled in, and show what it shows."""
    text = QGuiApplication.clipboard().text().strip()
    field = Field("link", "Link", text if is_link(text) else "", hint="deepvis://model/layer/unit", letters=70)
    window.question_bar.ask(
        Question("Show again what a link shows.", (field,), "Open", lambda answers: open_link(window, answers["link"]))
    )


@window_action("add_bookmark")
def add_bookmark(window: WindowProtocol) -> None:
    """Ask for a name, and keep the link to what is seen under it."""
    state, session = window.controller.state, window.controller.session
    name = f"{state.unit_text} of {session.engine.net.name}" if state else session.engine.net.name
    folder = window.user_folder
    if folder is None:
        return

    def keep(name: str, link: str) -> None:
        _beside(window, f"keep {name}", lambda: Bookmarks(folder).add(name, link))

    def accept(name: str) -> None:
        _with_link(window, lambda link: keep(name, link))

    field = Field("name", "Name", name, letters=40)
    sentence = f"Keep what is seen: it is found again in the menu Bookmarks, and in {Bookmarks(folder).file}."
    window.question_bar.ask(
        Question(sentence, (field,), "Keep", lambda answers: accept(answers["name"]) if answers["name"] else None)
    )


@submenu("bookmarks")
def fill_bookmarks(window: WindowProtocol, menu: QMenu) -> None:
    """Offer the bookmarks."""
    _fill(window, menu, lambda name, link: open_link(window, link))


@submenu("remove_bookmark")
def fill_removals(window: WindowProtocol, menu: QMenu) -> None:
    """Offer the bookmarks, to forget one."""
    folder = window.user_folder
    if folder is not None:
        _fill(
            window, menu, lambda name, link: _beside(window, f"forget {name}", lambda: Bookmarks(folder).remove(name))
        )


def _fill(window: WindowProtocol, menu: QMenu, act: Callable[[str, str], None]) -> None:
    with sentences(window):
        for name, link in Bookmarks(window.user_folder).all().items() if window.user_folder else ():
            entry = menu.addAction(name.replace("&", "&&"))
            entry.triggered.connect(lambda checked=False, name=name, link=link: act(name, link))
    if menu.isEmpty():
        menu.addAction("no bookmark yet").setEnabled(False)


def _with_link(window: WindowProtocol, use: Callable[[str], None]) -> None:
    """Make the link to what is seen now and do something with it; the hash of large weights takes a moment."""
    state, session = window.controller.state, window.controller.session
    if state is None:
        return
    if session.engine.model.preprocessing != session.opened.preprocessing:
        window.show_problem(Problem(NOT_IN_A_LINK))
    model = window.controller.model.model_copy()
    picture = short_name(session.images.paths[state.picture]) if session.images and state.picture >= 0 else ""
    place, levels = (state.layer.name, state.unit), window.controller.levels

    def make() -> str:
        return str(link_to(session.wishes, model, place, picture, session.engine.model.hash, levels))

    def done(outcome: Outcome) -> None:
        if outcome.problem is not None:
            window.show_problem(outcome.problem)
        else:
            use(outcome.result)

    window.controller.lanes["disk"].submit("link", make, done)


def _beside(window: WindowProtocol, kind: str, job: Callable[[], None]) -> None:
    """Write a file beside the window."""

    def done(outcome: Outcome) -> None:
        if outcome.problem is not None:
            window.show_problem(outcome.problem)

    window.controller.lanes["disk"].submit(kind, job, done)
