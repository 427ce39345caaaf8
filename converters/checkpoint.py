"""Weights by name within what a training script saved."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

WRAPPERS = (
    *("state_dict", "model_state_dict", "model_state", "model", "net", "net_state_dict", "network", "weights"),
    *("params", "module", "generator"),
)
"""Keys under which training scripts put the weights, the likelier first."""

AVERAGES = ("ema", "model_ema", "state_dict_ema", "ema_state_dict", "params_ema", "averaged_model")
"""Keys under which they put weights averaged over the training."""

_DEPTH = 3  # of dictionaries within dictionaries that are looked into


def find_weights(content: Any, key: str = "") -> tuple[dict[str, Tensor], str]:
    """Find the weights in what a file holds.

    Parameters
    ----------
    content : what `converters.torch_files.load_torch` gives.
    key : where the weights lie, names with dots between, such as ``"ema"``; "" to look for them.

    Returns
    -------
    weights : by name.
    where : the key under which they lay, "" for the top of the file.

    Raises
    ------
    LookupError : if there are none, or at several places of which none is usual; the message says which.
    """
    places = dict(_places(content, "", _DEPTH))
    if key:
        if key not in places:
            raise LookupError(f"holds no weights under {key!r}; {_there_are(places)}")
        return places[key], key
    for place in ("", *_usual(places)):
        if place in places:
            return places[place], place
    if len(places) == 1:
        return next((weights, place) for place, weights in places.items())
    raise LookupError(f"holds no weights by name; {_there_are(places)}")


def other_places(content: Any, chosen: str) -> list[str]:
    """Keys under which there are weights of the same names too, such as averaged ones."""
    places = dict(_places(content, "", _DEPTH))
    return [place for place, weights in places.items() if place != chosen and weights.keys() == places[chosen].keys()]


def _there_are(places: Mapping[str, Any]) -> str:
    if not places:
        return "save it with torch.save(model.state_dict(), ...)"
    return f"choose with --weights-key one of {', '.join(place or repr('') for place in places)}"


def _usual(places: Mapping[str, Any]) -> Iterator[str]:
    """Places in the order in which they are preferred: all of what was trained before its averages."""
    for names in (WRAPPERS, AVERAGES):
        for name in names:
            yield name
            yield from (place for place in places if place.startswith(f"{name}."))


def _places(content: Any, place: str, depth: int) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """All places that hold weights by name, with them."""
    if _is_module(content):
        yield place, dict(_weights_of_module(content, ""))
        return
    if not isinstance(content, Mapping):
        return
    inner = [(str(key), value) for key, value in content.items() if isinstance(value, Mapping)]
    found = [each for key, value in inner if depth for each in _places(value, _joined(place, key), depth - 1)]
    weights = {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, Tensor)}
    if len(weights) > max((len(others) for _, others in found), default=0):  # else a step or a loss beside them
        yield place, weights
    yield from found


def _is_module(content: Any) -> bool:
    """Whether this is the record of a whole torch.nn.Module."""
    return isinstance(content, OrderedDict) and "_parameters" in vars(content)


def _weights_of_module(record: Any, prefix: str) -> Iterator[tuple[str, Tensor]]:
    """What the module's state_dict() would have been."""
    values = vars(record)
    fleeting = values.get("_non_persistent_buffers_set", ())
    for part in ("_parameters", "_buffers"):
        for name, value in values.get(part, {}).items():
            if isinstance(value, Tensor) and name not in fleeting:
                yield prefix + name, value
    for name, module in values.get("_modules", {}).items():
        if _is_module(module):
            yield from _weights_of_module(module, f"{prefix}{name}.")


def _joined(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key
