"""``deepvis`` and ``deepvis demo``: the window."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import tyro

from deepvis.commands.option_types import ImagesPlace, ModelPlace, Number, Place, Text
from deepvis.commands.views import views
from deepvis.progress import Progress
from deepvis.settings import Settings, override, read_settings
from prototxt.errors import InputError

DEMO = Path("build/demo")


@dataclass(frozen=True)
class WindowOptions:
    """What the window opens with; what is not given is taken from the settings file."""

    weights: Place = None
    """Caffemodel, if it is not beside the prototxt under the same name."""
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

    def wishes(self, model: Path | None, images: Path | None) -> Settings:
        """Settings with what was given in place of the file's, and with what lies beside it."""
        chosen = override(
            read_settings(self.settings),
            model=model,
            images=images,
            weights=self.weights,
            scan=self.scan,
            plan=self.plan,
            after=self.after,
            layer=self.layer,
            unit=self.unit,
            device=self.device,
            engine=self.engine,
        )
        return with_neighbours(chosen)


def window_command(
    model: ModelPlace = None,
    images: ImagesPlace = None,
    *,
    window: Annotated[WindowOptions, tyro.conf.OmitArgPrefixes] = WindowOptions(),
) -> int:
    """Look into a net unit by unit.

    Other commands: deepvis scan, deepvis scan merge, deepvis export, deepvis synthesise,
    deepvis mean, deepvis snapshot, deepvis demo, deepvis settings; each has a --help.

    Parameters
    ----------
    model
        folder of a conversion, conversion.json, prototxt, or a bundled model's folder.
    images
        folder, image list, list of pairs, LMDB, video, picture, or array.
    """
    return _run(window, model, images)


def demo_command(
    *,
    window: Annotated[WindowOptions, tyro.conf.OmitArgPrefixes] = WindowOptions(),
) -> int:
    """Open the window on what `make demo` made in build/demo, or on the bundled model if there is nothing yet."""
    made = (DEMO / "conversion.json").is_file()
    return _run(window, DEMO if made else None, None)


def with_neighbours(settings: Settings) -> Settings:
    """Fill in scan, plan and pictures that are not given from what lies beside the model.

    The scan is ``scan.h5`` in the model's folder, the plan ``plan.json`` beside the scan; the pictures are the folder
    that was scanned, or else the photographs that come with scikit-image.
    """
    folder = settings.model if settings.model.is_dir() else settings.model.parent
    scan = settings.scan or _existing(folder / "scan.h5")
    plan = settings.plan or (_existing(scan.parent / "plan.json") if scan else None)
    images = settings.images or (_scanned_folder(scan) if scan else None) or _sample_photographs()
    return override(settings, scan=scan, plan=plan, images=images)


def _existing(path: Path) -> Path | None:
    return path if path.is_file() else None


def _scanned_folder(scan: Path) -> Path | None:
    """The folder that was scanned if it is still there; a broken scan is the window's to tell of."""
    from deepvis.scan.reader import Scan  # only here: it imports torch, and the window is to be there before that

    try:
        with Scan(scan) as opened:
            return opened.root if opened.root.is_dir() else None
    except InputError:
        return None


def _sample_photographs() -> Path | None:
    package = find_spec("skimage.data")
    return Path(package.origin).parent if package and package.origin else None


def _run(window: WindowOptions, model: Path | None, images: Path | None) -> int:
    """Open the window; what takes long to import is imported while it already says what it opens."""

    def prepare() -> Generator[Progress, None, Any]:
        settings = window.wishes(model, images)
        yield Progress(0, 0, "loading the libraries")
        return (yield from views("app").opening(settings))

    return views("start").run(prepare, model.absolute().name if model else "the model")
