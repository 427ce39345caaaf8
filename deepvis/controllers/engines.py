"""Another engine under the same model and pictures, while the window goes on."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from deepvis.engines.choices import make_engine, with_engine
from deepvis.session.session import Session
from prototxt.common.progress import Progress


def switching(session: Session, name: str, title: str) -> Generator[Progress, None, Session]:
    """Start another engine step by step; the one before runs on until the new one is ready.

    Parameters
    ----------
    name, title : of a `deepvis.engines.choices.Choice`.

    Returns
    -------
    What is looked at, on the new engine.

    Raises
    ------
    InputError : the engine cannot be started.
    """
    yield Progress(0, 0, f"start {title}")
    before = session.engine
    engine = make_engine(name, before.model, before.naming, session.settings.caffe_python)
    try:
        engine.start()
        yield Progress(0, 0, f"{engine.title} is ready")
    except BaseException:
        engine.close()
        raise
    return replace(session, engine=engine, settings=with_engine(session.settings, name))
