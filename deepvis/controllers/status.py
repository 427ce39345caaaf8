"""The status line: where one is, in one line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from deepvis.compute.facts import Facts
from deepvis.controllers.contents import StatusContent
from deepvis.controllers.sources import LayerValues, Sources
from deepvis.state.net_info import NetInfo
from deepvis.state.resolve import DisplayState


@dataclass(frozen=True)
class Speed:
    """How fast it goes: frames per second of what is live, and seconds by what takes them."""

    rate: float
    timings: Mapping[str, float]


def status_content(state: DisplayState, sources: Sources, speed: Speed) -> StatusContent:
    """Say which picture, unit, maximum, back-propagation, speed, scan and engine is on screen."""
    found, values = sources.activations, sources.values
    engine = sources.session.engine
    net = engine.net
    parts = [f"{found.frame.place} {found.frame.name}".strip() if found else "no picture", _unit(state, net)]
    if found is not None and found.frame.label >= 0:
        parts[0] += f" is {found.frame.class_name or net.class_name(found.frame.label)}"
    if values is not None:
        parts.append(_maximum(state, values))
    if state.origin is not None:
        held = " (frozen)" if state.origin_is_frozen else ""
        parts.append(f"{state.back_mode} from {state.origin.layer}:{state.origin.unit}{held}")
    if state.is_live:
        parts.append("frozen" if state.frozen else f"{speed.rate:.0f} fps")
    parts += [_scan(sources.session.facts), engine.title]
    if state.show_timings:
        parts += [f"{name} {1000 * seconds:.0f} ms" for name, seconds in speed.timings.items()]
    return StatusContent(tuple(parts))


def _unit(state: DisplayState, net: NetInfo) -> str:
    field = state.layer.receptive_field
    size = f"  field {field.size[0]}" if field is not None and not state.layer.is_vector else ""
    before = "  before activation" if state.value_is_own else ""
    names = net.unit_names(state.layer.name)
    name = f" {names[state.unit]}" if names else ""
    return f"{state.unit_text}{name}  {state.layer.shape_text}{size}{before}"


def _maximum(state: DisplayState, values: LayerValues) -> str:
    unit = np.atleast_2d(values.maps[state.unit])
    if state.layer.is_vector:
        return f"value {unit[0, 0]:.4g}"
    row, column = np.unravel_index(int(unit.argmax()), unit.shape)
    return f"max {unit[row, column]:.4g} at ({row}, {column})"


def _scan(facts: Facts | None) -> str:
    if facts is None:
        return "no scan"
    return f"scan {facts.path.name}: " + ("stale" if facts.stale else "current")
