"""``deepvis://MODEL/LAYER/UNIT?…``: what is seen in the window, as text; opening it shows the same again.

MODEL is a path, or a name as on the command line; it and LAYER are percent-encoded. Behind the question mark are the
settings that the session was opened by and the fields of the state (`deepvis.state.viewer.ViewerModel`) that differ
from their defaults, the picture by its name, and the beginning of the hash of the weights.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

from pydantic import BaseModel, TypeAdapter, ValidationError

from deepvis.errors import SettingsError
from deepvis.session.opening import for_model, named
from deepvis.settings.settings import Settings, settings_that
from deepvis.sources.names import short_name
from deepvis.state.viewer import OPTIONS, ViewerModel
from prototxt.common.names import did_you_mean

if TYPE_CHECKING:
    from deepvis.session.session import Session

SCHEME = "deepvis://"
SETTINGS = settings_that(lambda use: use.in_links)
"""Settings that a link carries where they differ from their defaults."""

_PLACE = ("layer", "unit", "picture")  # which have a form of their own in a link
STATE = tuple(name for name, option in OPTIONS.items() if option.in_links and name not in _PLACE)
_HASH = 16  # digits


@dataclass(frozen=True)
class Link:
    """What a link says.

    Parameters
    ----------
    model : path, or name.
    settings : of `SETTINGS`.
    state : fields of `ViewerModel`; what is not among them has its default.
    picture : name of the picture; "" for the first.
    weights_hash : how the hash of the weights begins; "" where nothing is said of it.
    levels : least and greatest value of the layer in all pictures that were seen, on which its colours depend.
    """

    model: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)
    picture: str = ""
    weights_hash: str = ""
    levels: tuple[float, float] | None = None

    def wishes(self) -> dict[str, Any]:
        """Every field of the state that a link decides, its default where the link says nothing."""
        fields = ViewerModel.model_fields
        return {name: self.state.get(name, fields[name].default) for name in (*_PLACE, *STATE)}

    def __str__(self) -> str:
        layer, unit = self.state.get("layer"), self.state.get("unit", 0)
        place = f"/{quote(layer, safe='')}/{unit}" if layer else ""
        more = [(name, _to_text(value)) for name, value in (*self.settings.items(), *self.state.items())
                if name not in _PLACE]  # fmt: skip
        if self.picture:
            more.append(("picture", self.picture))
        if self.weights_hash:
            more.append(("weights_hash", self.weights_hash[:_HASH]))
        if self.levels is not None:
            more.append(("levels", ",".join(map(repr, self.levels))))
        query = urlencode(more, quote_via=quote, safe="/:,")
        return f"{SCHEME}{quote(self.model, safe='')}{place}" + (f"?{query}" if query else "")


def link_to(
    settings: Settings,
    model: ViewerModel,
    place: tuple[str, int],
    picture: str = "",
    weights_hash: str = "",
    levels: tuple[float, float] | None = None,
) -> Link:
    """Make the link to what is seen.

    Parameters
    ----------
    settings : that the session was opened by.
    model : the state.
    place : layer and unit that are shown.
    picture : name of the picture; "" for none.
    weights_hash : of the model.
    levels : see `Link`.
    """
    path = settings.model.absolute() if settings.model.exists() else settings.model
    defaults = Settings()
    carried = {name: getattr(settings, name) for name in SETTINGS if getattr(settings, name) != getattr(defaults, name)}
    fields = ViewerModel.model_fields
    state = {name: getattr(model, name) for name in STATE if getattr(model, name) != fields[name].default}
    whole = {name: value.absolute() if isinstance(value, Path) else value for name, value in carried.items()}
    return Link(str(path), whole, {"layer": place[0], "unit": place[1], **state}, picture, weights_hash, levels)


def link_to_model(settings: Settings) -> Link:
    """Make the link to a model alone, with what it was opened by."""
    return replace(link_to(settings, ViewerModel(), ("", 0)), state={})


def settings_of(link: Link, settings: Settings) -> Settings:
    """Settings that open what a link shows; what it says nothing of is taken from ``settings``."""
    return for_model(settings, **{**named(settings, link.model), **link.settings})


def read_link(text: str) -> Link:
    """Read a link.

    Raises
    ------
    SettingsError : if it is none, or a name or value in it is not known.
    """
    text = text.strip()
    if not is_link(text):
        raise SettingsError(f"{text!r}: is no link; links look like deepvis://MODEL/LAYER/UNIT")
    place, _, query = text[len(SCHEME) :].partition("?")
    model, *rest = [unquote(part) for part in place.split("/")]
    rest = [part for part in rest if part]
    if not model or len(rest) > 2:
        raise SettingsError(
            f"{text}: must be deepvis://MODEL/LAYER/UNIT, a slash within a name written as %2F (a path of a model too)"
        )
    given = dict(parse_qsl(query, keep_blank_values=True))
    picture, weights_hash = given.pop("picture", ""), given.pop("weights_hash", "")
    levels = _levels(given.pop("levels", ""), text)
    given |= dict(zip(("layer", "unit"), rest, strict=False))
    settings = {name: _value(Settings, name, given.pop(name), text) for name in SETTINGS if name in given}
    state = {name: _value(ViewerModel, name, given.pop(name), text) for name in (*STATE, *_PLACE) if name in given}
    for name in given:
        known = (*SETTINGS, *STATE)
        hint = did_you_mean(name, known, f"a link has {', '.join(known)}")
        raise SettingsError(f"{text}: {name!r} is not known; {hint}")
    return Link(model, settings, state, picture, weights_hash, levels)


def seen_again(link: Link, session: Session) -> tuple[dict[str, Any], list[str]]:
    """What a link wants to be seen of a session that was opened for it.

    Returns
    -------
    Every field of the state that it decides, and a sentence for everything that is not there any more.
    """
    wishes, problems = link.wishes(), []
    names = [short_name(path) for path in session.images.paths] if session.images else []
    if link.picture in names:
        wishes["picture"] = names.index(link.picture)
    elif link.picture:
        problems.append(f"the link shows picture {link.picture!r}, which is not among the pictures any more")
    net, layer = session.engine.net, link.state.get("layer")
    if layer is not None and net.index(layer) < 0:
        problems.append(f"the link shows layer {layer!r}, which the net {net.name!r} has not")
    elif layer is not None and wishes["unit"] >= net.layer(layer).units:
        problems.append(f"the link shows unit {wishes['unit']} of {layer!r}, which has {net.layer(layer).units}")
    if not session.engine.model.hash.startswith(link.weights_hash):
        problems.append(f"the link was made with other weights than {net.name!r} has now")
    return wishes, problems


def is_link(text: str) -> bool:
    """Whether a text means to be a link."""
    return text.strip().startswith(SCHEME)


def _to_text(value: Any) -> str:
    if isinstance(value, str | Path):
        return str(value)
    return json.dumps(value.model_dump() if isinstance(value, BaseModel) else value)


def _levels(text: str, link: str) -> tuple[float, float] | None:
    if not text:
        return None
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        raise SettingsError(f"{link}: levels = {text!r} is not allowed: they are two numbers, as 0.0,8.1") from None
    return low, high


def _value(owner: type[BaseModel], name: str, text: str, link: str) -> Any:
    """A field's value: of JSON where it is a list or an object, else of the text itself."""
    adapter = TypeAdapter(owner.model_fields[name].rebuild_annotation())
    if text[:1] in ("[", "{"):
        with suppress(ValidationError):
            return adapter.validate_json(text)
    try:
        return adapter.validate_python(text)
    except ValidationError as error:
        raise SettingsError(f"{link}: {name} = {text!r} is not allowed: {error.errors()[0]['msg']}") from None
