"""``settings_local.py``: plain Python assignments, run once, every name, type and range checked."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deepvis.errors import SettingsError
from deepvis.settings.old_settings import is_old, translate
from deepvis.state.options import BackMode, Preferences
from prototxt.common.names import did_you_mean
from prototxt.pixels.field_types import ChannelOrder, PairRule

FILE = "settings_local.py"
BUNDLED_MODEL = Path(__file__).resolve().parents[2] / "models" / "indoor39"

Positive = Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class Use:
    """Stands in the ``Annotated`` type of a setting.

    Parameters
    ----------
    of_a_model : whether it belongs to one model; another one that is opened does not get it.
    in_links : whether a link carries it where it differs from its default.
    """

    of_a_model: bool = False
    in_links: bool = False


OF_A_MODEL, SHOWN = Use(of_a_model=True), Use(of_a_model=True, in_links=True)


class ModelSettings(BaseModel):
    """What is opened, what runs it, and where one looks first."""

    model_config = ConfigDict(protected_namespaces=())

    model: Path = Field(
        default=BUNDLED_MODEL, description="folder, conversion.json, prototxt, PyTorch weights or torchvision name"
    )
    weights: Annotated[Path | None, SHOWN] = Field(
        default=None, description="caffemodel; None: the one that belongs to the model"
    )
    arch: Annotated[str | None, SHOWN] = Field(
        default=None, description="network of a file of PyTorch weights: its name, or package.module:factory"
    )
    input_shape: Annotated[tuple[Positive, ...], SHOWN] = Field(
        default=(), description="what a factory's network takes, batch first; (): what the named network takes"
    )
    preprocessing: Annotated[Path | None, SHOWN] = Field(
        default=None, description="JSON of a Preprocessing; None: the model's own"
    )
    classes: Annotated[Path | None, SHOWN] = Field(
        default=None, description="text file, one class name per line; None: the model's own"
    )
    mean: Annotated[Path | float | tuple[float, ...] | None, SHOWN] = Field(
        default=None,
        description="mean image (.binaryproto, .npy), one number, or one per channel; None: the model's own",
    )
    std: Annotated[float | tuple[float, ...] | None, SHOWN] = Field(
        default=None, description="one number, or one per channel; None: the model's own"
    )
    raw_scale: Annotated[float | None, SHOWN] = Field(
        default=None, gt=0, description="factor on the pixels 0-255 before the mean; None: the model's own"
    )
    channel_order: Annotated[ChannelOrder | None, SHOWN] = Field(
        default=None, description="order of the input's channels; None: the model's own"
    )
    pair: Annotated[PairRule | None, SHOWN] = Field(
        default=None, description="how the two pictures of a pair enter a siamese net; None: the model's own"
    )
    resize_to: Annotated[tuple[Positive, ...] | None, SHOWN] = Field(
        default=None, description="(height, width), (shorter side,), or () for none; None: the model's own"
    )
    images: Annotated[Path | None, Use(in_links=True)] = Field(
        default=None, description="folder, list, LMDB or video; None: the sample photographs"
    )
    scan: Annotated[Path | None, SHOWN] = Field(default=None, description="scan.h5; None: the one beside the model")
    plan: Annotated[Path | None, SHOWN] = Field(
        default=None, description="plan.json with learning-rate multipliers; None: beside the scan"
    )
    after: Annotated[Path | None, SHOWN] = Field(
        default=None, description="caffemodel after fine-tuning, to compare the net with; None: none"
    )
    unit_pictures: Annotated[Path | None, SHOWN] = Field(
        default=None, description="folder of an older toolbox or of deepvis export --form folders; None: none"
    )
    presets: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="models by name for the menu and the command line: a path, or a table of settings with model",
    )
    cache: Path = Field(
        default_factory=lambda: Path("~/.cache/deepvis/models").expanduser(),
        description="folder for models that had to be converted",
    )

    engine: Literal["torchcaffe", "caffe"] = Field(
        default="torchcaffe", description="what runs the net in the window: torchcaffe, or real Caffe (caffe)"
    )
    caffe_python: Path | None = Field(
        default=None, description="the Python that has pycaffe; None: the one that make caffe installs"
    )
    device: str = Field(
        default="auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$", description="auto, cpu, mps, cuda, cuda:N"
    )
    batch: Positive = Field(default=32, description="images per forward pass of a scan")
    workers: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="decoding threads; None: one per core"
    )
    top: Annotated[int, Field(ge=1, le=100)] = Field(default=9, description="images kept for every unit by a scan")

    hidden_layers: Annotated[tuple[str, ...] | Callable[[str], bool], OF_A_MODEL] = Field(
        default=(), description="layers that the window leaves out: names, or a function of the name"
    )
    layer_names: Annotated[dict[str, str] | Callable[[str], str] | None, OF_A_MODEL] = Field(
        default=None, description="shorter names of layers: a table, or a function of the name"
    )
    label_layers: Annotated[tuple[str, ...] | None, OF_A_MODEL] = Field(
        default=None, description="layers whose units are the classes; None: found by their number"
    )
    class_layer: Annotated[str | None, OF_A_MODEL] = Field(
        default=None, description="layer of the class probabilities; None: the last"
    )
    layer: Annotated[str | None, OF_A_MODEL] = Field(
        default=None, description="layer shown at the start; None: the first"
    )
    unit: Annotated[int, OF_A_MODEL] = Field(default=0, ge=0, description="unit selected at the start")
    backprop: BackMode = Field(default="off", description="back-propagation mode")


class Settings(Preferences, ModelSettings):
    """Every setting of the toolbox with its default; what each means is told in ``docs/settings.md``.

    Paths in a settings file are relative to that file. A setting that is None is decided by what is there. The options
    of the window that have a setting are `Preferences`, declared with the window's state.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())

    camera: Annotated[int, Field(ge=0)] = Field(default=0, description="number of the camera")
    mirror_camera: bool = Field(default=True, description="whether the camera's picture is mirrored")
    window_size: tuple[Annotated[int, Field(ge=640)], Annotated[int, Field(ge=480)]] = Field(
        default=(1500, 930), description="width and height of the window in pixels"
    )
    font_size: Annotated[int, Field(ge=6, le=40)] = Field(default=10, description="size of text in points")
    keymap: Literal["deepvis", "yosinski"] = Field(
        default="deepvis", description="keys of arikpoz's toolbox, or those of Yosinski's where both differ"
    )


def settings_that(fits: Callable[[Use], bool]) -> tuple[str, ...]:
    """Names of the settings beside whose type a `Use` stands that fits."""
    return tuple(
        name
        for name, field in Settings.model_fields.items()
        if any(isinstance(mark, Use) and fits(mark) for mark in field.metadata)
    )


def to_stderr(words: str) -> None:
    """Tell the user something on the terminal."""
    print(words, file=sys.stderr)


def read_settings(path: Path | str | None = None, tell: Callable[[str], None] = to_stderr) -> Settings:
    """Run a settings file and check what it sets; a file of an older toolbox is translated.

    Parameters
    ----------
    path : the file; None stands for ``settings_local.py`` in the current folder, and for the defaults if there is none.
    tell : gets one message about a file of an older toolbox: what was taken over, and what is replaced by what.

    Raises
    ------
    SettingsError : if the file is missing or does not run, or a name, type or value in it is not allowed (names it).
    """
    if path is None and not Path(FILE).is_file():
        return Settings()
    path = Path(path or FILE)
    values = _run(path)
    if is_old(values):
        values, message = translate(values, frozenset(Settings.model_fields), path, _run)
        tell(message)
    for name in values:
        if name not in Settings.model_fields:
            raise SettingsError(f"{path}: unknown setting {name!r}{_suggestion(name)}")
    try:
        if "presets" in values:
            values["presets"] = _presets(values["presets"], path)
        return Settings(**{name: _as_path(name, value, path.parent) for name, value in values.items()})
    except ValidationError as error:
        raise SettingsError(f"{path}: {_sentence(error)}") from None


def override(settings: Settings, **values: Any) -> Settings:
    """Give settings with those of the values that are not None; a `SettingsError` says which is not allowed."""
    given = {name: value for name, value in values.items() if value is not None}
    try:
        return Settings(**{**dict(settings), **given})
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from None


def to_python(settings: Settings) -> str:
    """Write settings as a settings file that gives the same settings when it is read."""
    lines = []
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        if callable(value):
            lines.append(f"# {name} is a function of the settings file: {field.description}")
            continue
        lines.append(f"{name} = {str(value) if isinstance(value, Path) else value!r}  # {field.description}")
    return "\n".join(lines) + "\n"


def _run(path: Path) -> dict[str, Any]:
    """The names that a settings file leaves behind, without modules and names that start with an underscore."""
    if not path.is_file():
        raise SettingsError(f"{path}: no such settings file; `deepvis settings` prints one to start from")
    try:
        names = runpy.run_path(str(path))
    except SyntaxError as error:
        raise SettingsError(f"{path}:{error.lineno}: is not valid Python ({error.msg})") from error
    except (Exception, SystemExit) as error:
        raise SettingsError(f"{path}: stops with {type(error).__name__}: {error}") from error
    return {
        name: value
        for name, value in names.items()
        if not name.startswith("_") and not isinstance(value, ModuleType | type)
    }


def _as_path(name: str, value: Any, folder: Path) -> Any:
    """Read the string of a setting that is a path as relative to the settings file; ``~`` is the home folder."""
    if isinstance(value, list):
        return tuple(value)
    is_path = Path in (Settings.model_fields[name].annotation, *_members(Settings.model_fields[name].annotation))
    return folder.absolute() / Path(value).expanduser() if is_path and isinstance(value, str | Path) else value


def _presets(presets: Any, file: Path) -> dict[str, dict[str, Any]]:
    """Tables of checked settings, whose paths are relative to the settings file."""
    if not isinstance(presets, dict):
        raise SettingsError(f"{file}: presets must be a table of models by name; got {presets!r}")
    found = {}
    for name, preset in presets.items():
        table = {"model": preset} if isinstance(preset, str | Path) else preset
        if not isinstance(table, dict) or "model" not in table:
            raise SettingsError(f"{file}: preset {name!r} must be a path, or a table of settings with model")
        unknown = [key for key in table if key not in Settings.model_fields or key == "presets"]
        if unknown:
            raise SettingsError(f"{file}: preset {name!r}: unknown setting {unknown[0]!r}{_suggestion(unknown[0])}")
        found[str(name)] = {key: _as_path(key, value, file.parent) for key, value in table.items()}
        try:
            Settings(**found[str(name)])
        except ValidationError as error:
            raise SettingsError(f"{file}: preset {name!r}: {_sentence(error)}") from None
    return found


def _members(annotation: Any) -> tuple:
    return getattr(annotation, "__args__", ())


def _suggestion(name: str) -> str:
    return "; " + did_you_mean(name, Settings.model_fields, f"allowed are {', '.join(Settings.model_fields)}")


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0])
    meaning = Settings.model_fields[name].description
    return f"{name} = {first['input']!r} is not allowed ({first['msg']}); {name} is: {meaning}"
