"""Which layers of a net take part in a phase, by Caffe's NetState rules (net.cpp, FilterNet and StateMeetsRule)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile

from prototxt.common.errors import NetError
from prototxt.formats.schema import LayerParameter, NetParameter, NetState, NetStateRule, Phase


def filter_net(
    net: NetParameter, phase: str | None = None, level: int | None = None, stages: Iterable[str] = ()
) -> NetParameter:
    """Return a copy of ``net`` with the layers that take part in a state only.

    Parameters
    ----------
    net : in the newest layer form (`prototxt.formats.upgrade.upgrade_net`).
    phase : ``"TRAIN"`` or ``"TEST"``; by default what the net's own ``state`` says, which is TEST when it says nothing.
    level : by default what the net's own ``state`` says (0).
    stages : added to those of the net's own ``state``.

    Returns
    -------
    A new net; its ``state`` is the state that it was filtered by, so filtering it again changes nothing.

    Raises
    ------
    NetError : for an unknown phase, or a layer with both include and exclude rules.
    """
    state = net_state(net, phase, level, stages)
    filtered = NetParameter()
    filtered.CopyFrom(net)
    del filtered.layer[:]
    filtered.layer.extend(layer for layer in net.layer if takes_part(layer, state))
    filtered.state.CopyFrom(state)
    return filtered


def net_state(
    net: NetParameter, phase: str | None = None, level: int | None = None, stages: Iterable[str] = ()
) -> NetState:
    """Return the net's own ``state`` with phase and level replaced where given and stages added, as `filter_net`."""
    state = NetState()
    state.CopyFrom(net.state)
    state.phase = net.state.phase if phase is None else _phase(phase)
    if level is not None:
        state.level = level
    state.stage.extend(stage for stage in stages if stage not in state.stage)
    return state


def takes_part(layer: LayerParameter, state: NetState) -> bool:
    """Whether ``layer`` is in a net of ``state``: no exclude rule met, and any include rule met if there are some.

    Raises
    ------
    NetError : if the layer has both kinds of rules.
    """
    if layer.include and layer.exclude:
        raise NetError(
            f"layer {layer.name!r} ({layer.type}): has both include and exclude rules; Caffe allows one kind only"
        )
    if layer.include:
        return any(meets(state, rule) for rule in layer.include)
    return not any(meets(state, rule) for rule in layer.exclude)


def meets(state: NetState, rule: NetStateRule) -> bool:
    """Whether ``state`` meets every condition that ``rule`` sets."""
    stages = set(state.stage)
    return (
        (not rule.HasField("phase") or rule.phase == state.phase)
        and (not rule.HasField("min_level") or state.level >= rule.min_level)
        and (not rule.HasField("max_level") or state.level <= rule.max_level)
        and stages.issuperset(rule.stage)
        and stages.isdisjoint(rule.not_stage)
    )


def unmet(layer: LayerParameter, state: NetState) -> list[str]:
    """Why rules of a layer are not met, in the words of Caffe's log (``StateMeetsRule``).

    Returns
    -------
    A sentence for every rule before the first that is met, which decides.
    """
    sentences = [_unmet(layer.name, state, rule) for rule in (*layer.include, *layer.exclude)]
    return list(takewhile(bool, sentences))


def _unmet(name: str, state: NetState, rule: NetStateRule) -> str:
    place = f"specified by a rule in layer {name}"
    if rule.HasField("phase") and rule.phase != state.phase:
        return f"The NetState phase ({state.phase}) differed from the phase ({rule.phase}) {place}"
    if rule.HasField("min_level") and state.level < rule.min_level:
        return f"The NetState level ({state.level}) is above the min_level ({rule.min_level}) {place}"
    if rule.HasField("max_level") and state.level > rule.max_level:
        return f"The NetState level ({state.level}) is above the max_level ({rule.max_level}) {place}"
    for stage in rule.stage:
        if stage not in state.stage:
            return f"The NetState did not contain stage '{stage}' {place}"
    for stage in rule.not_stage:
        if stage in state.stage:
            return f"The NetState contained a not_stage '{stage}' {place}"
    return ""


def _phase(name: str) -> Phase:
    if name not in Phase.keys():  # noqa: SIM118 (an enum wrapper, not a dict)
        raise NetError(f"unknown phase {name!r}; allowed are TRAIN and TEST")
    return getattr(Phase, name)
