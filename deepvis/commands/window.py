"""``deepvis`` and ``deepvis demo``: the window."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from deepvis.commands.option_types import ImagesPlace, ModelName, Number, Place, Text
from deepvis.commands.views import views
from deepvis.session.bookmarks import RecentModels, user_folder
from deepvis.settings.settings import Settings, override, read_settings
from prototxt.common.progress import Progress

if TYPE_CHECKING:
    from deepvis.session.links import Link

DEMO = Path("build/demo")


@dataclass(frozen=True)
class WindowOptions:
    """What the window opens with; what is not given is taken from the settings file."""

    weights: Place = None
    """Caffemodel, if it is not beside the prototxt under the same name."""
    arch: Text = None
    """Network of a file of PyTorch weights: a name, or package.module:factory."""
    input_shape: Annotated[tuple[int, ...] | None, tyro.conf.arg(metavar="N C H W", help_behavior_hint="")] = None
    """What the network of a factory takes, batch first."""
    scan: Place = None
    """The scan.h5 to show; the one beside the model if there is one."""
    plan: Place = None
    """The plan.json to show; the one beside the scan if there is one."""
    after: Place = None
    """Caffemodel after fine-tuning, to compare the model with."""
    layer: Text = None
    """Layer to start with."""
    unit: Number = None
    """Unit to start with."""
    device: Text = None
    """auto, cpu, mps, cuda, or cuda:N."""
    engine: Text = None
    """torchcaffe, or caffe for the real one."""
    settings: Place = None
    """Settings file; settings_local.py of this folder if there is one."""

    def wishes(self, model: str | None, images: Path | None) -> Generator[Progress, None, tuple[Settings, Link | None]]:
        """Settings with what was given in place of the file's, and with what lies beside it; the link, if it is one."""
        from deepvis.session.opening import (
            with_neighbours,  # only here: torch takes long, and the window is there before it
        )

        settings, link = yield from _named(read_settings(self.settings), model)
        given = {name: value for name, value in vars(self).items() if name != "settings"}
        return with_neighbours(override(settings, images=images, **given)), link


def _named(settings: Settings, model: str | None) -> Generator[Progress, None, tuple[Settings, Link | None]]:
    """Settings for what MODEL names: nothing, a link, a scan, or a model."""
    from deepvis.model.kinds import kind_of
    from deepvis.session.links import is_link, read_link, settings_of
    from deepvis.session.model_of_scan import model_of_scan
    from deepvis.session.opening import named

    if model is None:
        return settings, None
    if is_link(model):
        link = read_link(model)
        return settings_of(link, settings), link
    if kind_of(Path(model)) == "scan":
        known = [Path(read_link(text).model) for text in RecentModels(user_folder()).all()]
        found = yield from model_of_scan(Path(model), settings.cache, known)
        return override(settings, **found), None
    return override(settings, **named(settings, model)), None


def window_command(
    model: ModelName = None,
    images: ImagesPlace = None,
    *,
    window: Annotated[WindowOptions, tyro.conf.OmitArgPrefixes] = WindowOptions(),
) -> int:
    """Look into a net unit by unit.

    Other commands: deepvis scan, deepvis scan merge, deepvis export, deepvis synthesise,
    deepvis mean, deepvis snapshot, deepvis demo, deepvis settings; each has a --help.
    """
    return _run(window, model, images)


def demo_command(
    *,
    window: Annotated[WindowOptions, tyro.conf.OmitArgPrefixes] = WindowOptions(),
) -> int:
    """Open the window on what `make demo` made in build/demo, or on the bundled model if there is nothing yet."""
    made = (DEMO / "conversion.json").is_file()
    return _run(window, str(DEMO) if made else None, None)


def _run(window: WindowOptions, model: str | None, images: Path | None) -> int:
    """Open the window; what takes long to import is imported while it already says what it opens."""

    def prepare() -> Generator[Progress, None, Any]:
        yield Progress(0, 0, "loading the libraries")
        return (yield from views("app").opening(*(yield from window.wishes(model, images))))

    return views("start").run(prepare, _title(model))


def _title(model: str | None) -> str:
    """What to call a model before it is opened."""
    is_path = model is not None and "://" not in model
    return Path(model).absolute().name if model and is_path else "the model"
