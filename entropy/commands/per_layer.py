"""Options that say something of several layers: ``conv4=0.1,conv5=165`` and ``fc6,fc7``."""

from __future__ import annotations

from collections.abc import Iterable

from entropy.errors import PlanError


def layer_names(text: str) -> tuple[str, ...]:
    """Split names at commas; none twice, and none at all for an empty text.

    Raises
    ------
    PlanError : a name is empty or there twice.
    """
    names = tuple(part.strip() for part in text.split(",")) if text else ()
    if "" in names or len(set(names)) < len(names):
        raise PlanError(f"{text!r}: give names of different layers, separated by commas, such as fc6,fc7")
    return names


def numbers_by_layer(option: str, texts: Iterable[str]) -> dict[str, int | float]:
    """Read ``layer=number`` pairs, separated by commas.

    Parameters
    ----------
    option : its name, for errors.
    texts : one for each time that the option is given.

    Returns
    -------
    Layer to number, as int where it is written as one.

    Raises
    ------
    PlanError : a part is no such pair, or a layer is there twice.
    """
    found: dict[str, int | float] = {}
    for part in (part.strip() for text in texts for part in text.split(",")):
        name, equals, number = part.rpartition("=")
        value = _number(number)
        if not name or not equals or value is None:
            raise PlanError(f"{option} {part!r}: give a layer and a number, such as conv5=0.1")
        if name in found:
            raise PlanError(f"{option}: layer {name!r} is there twice")
        found[name] = value
    return found


def _number(text: str) -> int | float | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None
