"""Settings files of the two older toolboxes: read as they are, in the names of today."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from deepvis.errors import SettingsError
from deepvis.settings.old_names import OLD_NAMES, Renamed, Replaced

ROOT = "%DVT_ROOT%"
_LISTS = ("image_list", "siamese_image_list")
_PAIRS = {"concat_channelwise": "channels", "concat_along_width": "width"}
_PATHS = frozenset({"model", "weights", "mean", "images", "classes", "unit_pictures"})


def is_old(values: Mapping[str, Any]) -> bool:
    """Whether the names of a settings file are those of an older toolbox."""
    return any(name in OLD_NAMES for name in values)


def translate(
    values: Mapping[str, Any], known: frozenset[str], file: Path, run: Callable[[Path], dict[str, Any]]
) -> tuple[dict[str, Any], str]:
    """Turn the settings of an older toolbox into those of today.

    A file with ``model_to_load`` (arikpoz's ``settings_user.py``) brings the model's own file with it. ``%DVT_ROOT%``
    is the folder that holds the settings, or the one above ``model_settings``.

    Parameters
    ----------
    values : names and values that the file left behind.
    known : names of today, which may stand in the file too and win over old ones.
    file : for messages and paths.
    run : runs another settings file.

    Returns
    -------
    Settings of today, and what to tell the user: what was taken over, what is replaced by what, what is unknown.

    Raises
    ------
    SettingsError : if the model's own file is missing, or an old value cannot be understood.
    """
    values = {**_of_model(values, file, run), **values}
    root = file.absolute().parent
    root = root.parent if root.name == "model_settings" else root
    new: dict[str, Any] = {}
    taken, replaced, unknown = [], [], []
    for name, value in values.items():
        rule = OLD_NAMES.get(name)
        if isinstance(rule, Replaced):
            replaced.append(f"{name}: {rule.by}")
        elif isinstance(rule, Renamed):
            found = _converted(rule, name, value, file)
            if found is not None:
                new[rule.name] = str(found).replace(ROOT, str(root)) if isinstance(found, str) else found
            taken.append(f"{name} = {rule.name}")
        elif name not in known:
            unknown.append(name)
    new |= _images(values, root) | _pair(values, file)
    new |= {name: value for name, value in values.items() if name in known}
    new = _tidy(new)
    return new, _tell(file, taken, replaced, unknown) + _of_mean_file(new)


def _of_model(values: Mapping[str, Any], file: Path, run: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    if "model_to_load" not in values:
        return {}
    own = file.parent / "model_settings" / f"settings_{values['model_to_load']}.py"
    if not own.is_file():
        raise SettingsError(f"{file}: model_to_load = {values['model_to_load']!r}, but there is no {own}")
    root = str(file.absolute().parent)
    return {name: value.replace(ROOT, root) if isinstance(value, str) else value for name, value in run(own).items()}


def _converted(rule: Renamed, name: str, value: Any, file: Path) -> Any:
    try:
        return rule.convert(value)
    except (TypeError, ValueError, LookupError, ArithmeticError) as error:
        raise SettingsError(f"{file}: {name} = {value!r} cannot be understood ({error})") from error


def _images(values: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """The list of pictures in place of their folder, where the old settings say so."""
    if values.get("static_files_input_mode") not in _LISTS or "static_files_input_file" not in values:
        return {}
    return {"images": str(values["static_files_input_file"]).replace(ROOT, str(root))}


def _pair(values: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """How the pictures of pairs enter a siamese net; its format counts only where the net is said to be one."""
    if not values.get("is_siamese"):
        return {}
    mode = values.get("siamese_input_mode", "concat_channelwise")
    if mode not in _PAIRS:
        raise SettingsError(f"{file}: siamese_input_mode = {mode!r} is not known; it can be {' or '.join(_PAIRS)}")
    return {"pair": _PAIRS[mode]}


def _tidy(new: dict[str, Any]) -> dict[str, Any]:
    """A mean given as numbers is a tuple of floats; what names nothing that is there is left out."""
    mean = new.get("mean")
    if mean is not None and not isinstance(mean, str | Path):
        new["mean"] = tuple(float(value) for value in mean)
    if isinstance(new.get("layer_names"), Mapping):
        new["layer_names"] = dict(new["layer_names"])
    return {name: value for name, value in new.items() if not (name in _PATHS and value == "")}


def _of_mean_file(new: Mapping[str, Any]) -> str:
    """Say that a mean file may have to be another one: theirs is subtracted as it is, after any raw scale."""
    scale = new.get("raw_scale")
    if not isinstance(new.get("mean"), str) or scale in (None, 1.0):
        return ""
    return (
        f"\n{new['mean']}: there a mean file was subtracted as it is, after the raw scale ({scale * 255:g} on pixels"
        " 0-1); here a mean file is for pixels 0-255 and is scaled with them. If this one is not, divide its values by"
        f" {scale:g}, or give mean a number per channel, which counts after the raw scale."
    )


def _tell(file: Path, taken: list[str], replaced: list[str], unknown: list[str]) -> str:
    parts = [f"{file}: is of an older DeepVis toolbox and was read as such.", f"Taken over: {', '.join(taken)}."]
    if replaced:
        parts.append("Replaced:\n  " + "\n  ".join(replaced))
    if unknown:
        parts.append(f"Taken for helpers of the file: {', '.join(unknown)}.")
    return "\n".join([*parts, "`deepvis settings` prints the settings in the names of today."])
