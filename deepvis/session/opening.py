"""From settings to what the window looks at, and from what a user names to settings."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from deepvis.compute.compare import After
from deepvis.compute.facts import Facts
from deepvis.compute.filter_table import SETTINGS
from deepvis.engines.choices import engine_of
from deepvis.export.unit_folders import UnitPictures, open_unit_pictures
from deepvis.model.files import BASELINE
from deepvis.model.model import Model
from deepvis.scan.reader import Scan
from deepvis.session.model_of_settings import opening_unchanged, prepared
from deepvis.session.session import Session
from deepvis.settings.settings import BUNDLED_MODEL, Settings, override, settings_that
from deepvis.sources import open_images
from deepvis.sources.camera import Camera
from deepvis.sources.opening import Cutting
from entropy import read_plan
from prototxt.common.errors import InputError
from prototxt.common.progress import Progress, with_bar

OF_A_MODEL = settings_that(lambda use: use.of_a_model)
"""Settings that belong to one model; another one that is opened does not get them."""


@dataclass(frozen=True)
class Opened:
    """A session, and a sentence for everything that could not be opened but that the window can do without."""

    session: Session
    problems: tuple[str, ...] = ()


def opening_session(settings: Settings) -> Generator[Progress, None, Opened]:
    """Open what settings name; a PyTorch model is converted on the way, and only then there are steps.

    Raises
    ------
    InputError : if the model or the pictures cannot be opened.
    """
    own = yield from opening_unchanged(settings)
    images = None if settings.images is None else open_images(settings.images, cutting=Cutting(own.frames))
    model = prepared(own, settings, images)
    engine = engine_of(settings, model)
    pictures, of_pictures = _open_unit_pictures(settings)
    after, of_after = _open_after(settings, model)
    camera = Camera(settings.camera, settings.mirror_camera)
    session = Session(engine, images, camera=camera, unit_pictures=pictures, after=after, settings=settings)
    found = with_facts(session, settings)
    return Opened(found.session, (*found.problems, *of_pictures, *of_after))


def open_session(settings: Settings) -> Opened:
    """Do `opening_session` at once, with a bar on the terminal."""
    return with_bar(opening_session(settings))


def with_facts(session: Session, settings: Settings) -> Opened:
    """Give a session with the scan and the plan of other settings, its model and pictures as they are."""
    model = session.engine.model
    facts, problems = _open_facts(settings, model)
    missing = problems[0] if problems else _no_scan(settings)
    return Opened(replace(session, facts=facts, facts_missing=missing, settings=settings), tuple(problems))


def _no_scan(settings: Settings) -> str:
    return (
        f"No scan for this model yet. Make one with\ndeepvis scan {settings.model} --images FOLDER\n"
        "and drop the scan.h5 here, or open the window with --scan scan.h5"
    )


def _open_unit_pictures(settings: Settings) -> tuple[UnitPictures | None, list[str]]:
    """Open the folder with pictures of units; that it cannot be opened becomes a sentence."""
    if settings.unit_pictures is None:
        return None, []
    try:
        return open_unit_pictures(settings.unit_pictures), []
    except InputError as error:
        return None, [str(error)]


def _open_after(settings: Settings, model: Model) -> tuple[After | None, list[str]]:
    """Open the weights to compare with; that they cannot be opened becomes a sentence."""
    if settings.after is None:
        return None, []
    try:
        return After.read(settings.after, model), []
    except InputError as error:
        return None, [str(error)]


def _open_facts(settings: Settings, model: Model) -> tuple[Facts | None, list[str]]:
    """Open scan and plan; what cannot be opened becomes a sentence."""
    if settings.scan is None:
        return None, [] if settings.plan is None else [f"{settings.plan}: a plan is shown with its scan; open that too"]
    problems = []
    from_plan: dict[str, Any] = {}
    if settings.plan is not None:
        try:
            plan = read_plan(settings.plan)
            from_plan = {"multipliers": plan.multipliers, "layers": tuple(plan.layers)}
            from_plan |= {name: plan.measured[name] for name in SETTINGS if name in plan.measured}
            if plan.weights_hash not in ("", model.hash):
                problems.append(f"{settings.plan}: was made for other weights than these; measure and plan again")
        except InputError as error:
            problems.append(str(error))
    try:
        return Facts(Scan(settings.scan), model, **from_plan), problems
    except InputError as error:
        return None, [*problems, str(error)]


def for_model(settings: Settings, **given: Any) -> Settings:
    """Settings for another model: what belonged to the one before is left out, what lies beside the new one is found.

    Parameters
    ----------
    given : ``model`` and more settings, such as ``weights`` and ``scan``; None stands for nothing given.
    """
    defaults = {name: Settings.model_fields[name].get_default(call_default_factory=True) for name in OF_A_MODEL}
    cleared = Settings(**{**dict(settings), **defaults})
    return with_neighbours(override(cleared, **given))


def named(settings: Settings, name: str) -> dict[str, Any]:
    """Settings that a name of a model stands for: a path that exists, a preset, a bundled model, else the name itself.

    Parameters
    ----------
    settings : whose presets are meant.
    """
    if not Path(name).exists():
        if name in settings.presets:
            return dict(settings.presets[name])
        if name in bundled_models():
            return {"model": bundled_models()[name]}
    return {"model": Path(name)}


def bundled_models() -> dict[str, Path]:
    """Folders of the models that come with the program, by name."""
    return {file.parent.name: file.parent for file in sorted(BUNDLED_MODEL.parent.glob(f"*/{BASELINE}"))}


def with_neighbours(settings: Settings) -> Settings:
    """Fill in scan, plan and pictures that are not given from what lies beside the model.

    The scan is ``scan.h5`` in the model's folder, the plan ``plan.json`` beside the scan; the pictures are the folder
    that was scanned, or else the photographs that come with scikit-image.
    """
    folder = settings.model if settings.model.is_dir() else settings.model.parent
    is_name = not settings.model.exists()
    scan = settings.scan or (None if is_name else _existing(folder / "scan.h5"))
    plan = settings.plan or (_existing(scan.parent / "plan.json") if scan else None)
    images = settings.images or (_scanned_folder(scan) if scan else None) or _sample_photographs()
    return override(settings, scan=scan, plan=plan, images=images)


def _existing(path: Path) -> Path | None:
    return path if path.is_file() else None


def _scanned_folder(scan: Path) -> Path | None:
    """The folder that was scanned if it is still there; a broken scan is the window's to tell of."""
    try:
        with Scan(scan) as opened:
            return opened.root if opened.root.is_dir() else None
    except InputError:
        return None


def _sample_photographs() -> Path | None:
    package = find_spec("skimage.data")
    return Path(package.origin).parent if package and package.origin else None
