"""Runs the rules over a net or a solver."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from prototxt.common.errors import NetError
from prototxt.formats.schema import NetParameter, SolverParameter
from prototxt.formats.text import where
from prototxt.formats.upgrade import upgrade_net
from prototxt.lint.extensions import stock_layers_only
from prototxt.lint.registry import (
    LAYER_RULES,
    NET_RULES,
    NET_WARNINGS,
    SOLVER_RULES,
    SOLVER_WARNINGS,
    Finding,
    NetCheck,
)
from prototxt.net.phases import filter_net

PHASES = ("TRAIN", "TEST")


def lint_net(
    net: NetParameter,
    path: Path | str | None = None,
    phases: Iterable[str] = PHASES,
    leave_out: Collection[str] = (),
    extensions: bool = False,
) -> list[str]:
    """Say what stock Caffe 1.0 would refuse in a net, or silently compute wrong.

    Parameters
    ----------
    net : of any age; every phase of ``phases`` that has a source of data is looked at.
    path : the net's file; findings then begin with ``file:line``.
    phases : the phases that the net is meant for.
    leave_out : names of rules about layers that are not asked.
    extensions : allow the layers of forks that this project knows (`prototxt.net.extension_types`), for torchcaffe and
        the converters; stock Caffe refuses them.

    Returns
    -------
    A sentence for each finding, naming the layer; empty if stock Caffe takes the net. What only files, shapes of data
    or weights decide is not looked at; ``infer_shapes`` and ``fit_weights`` are for that.
    """
    net = upgrade_net(net)
    try:
        nets = _nets_of_phases(net, phases)
    except NetError as error:
        return [str(error)]
    findings = [
        Finding(layer.name, sentence)
        for layer in net.layer
        for name, rule in LAYER_RULES.items()
        if name not in leave_out and not (extensions and name == stock_layers_only.__name__)
        if rule.applies(layer)
        for sentence in rule.check(layer)
    ]
    return _sentences(net, [*findings, *_check(nets, NET_RULES.values())], path)


def warn_net(net: NetParameter, path: Path | str | None = None, phases: Iterable[str] = PHASES) -> list[str]:
    """Say what stock Caffe takes of a net although its author hardly meant it; parameters as `lint_net`."""
    net = upgrade_net(net)
    return _sentences(net, list(_check(_nets_of_phases(net, phases), NET_WARNINGS.values())), path)


def lint_solver(solver: SolverParameter, net: NetParameter | None = None) -> list[str]:
    """Say what stock Caffe 1.0 would refuse in a solver; ``net`` is the one that it trains, if known."""
    return [sentence for rule in SOLVER_RULES.values() for sentence in rule(solver, net)]


def warn_solver(solver: SolverParameter, net: NetParameter | None = None) -> list[str]:
    """Say what stock Caffe takes of a solver although its author hardly meant it."""
    return [sentence for rule in SOLVER_WARNINGS.values() for sentence in rule(solver, net)]


def _nets_of_phases(net: NetParameter, phases: Iterable[str]) -> list[NetParameter]:
    """Nets of the phases in which anything comes in: a deploy net without training data is no fault."""
    nets = [filter_net(net, phase) for phase in phases]
    fed = [each for each in nets if any(layer.top and not layer.bottom for layer in each.layer)]
    return fed or nets[-1:]


def _check(nets: Iterable[NetParameter], rules: Iterable[NetCheck]) -> Iterator[Finding]:
    for rule in rules:
        for each in nets:
            yield from rule(each)


def _sentences(net: NetParameter, findings: Iterable[Finding], path: Path | str | None) -> list[str]:
    types = {layer.name: layer.type for layer in reversed(net.layer)}
    sentences = []
    for layer, sentence in dict.fromkeys(findings):
        place = f"{where(path, layer)}: " if path is not None else ""
        about = f"layer '{layer}' ({types[layer]}): " if layer in types else ""
        sentences.append(place + about + sentence)
    return sentences
