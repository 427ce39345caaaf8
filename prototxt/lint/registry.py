"""The rules by what they look at and by name. A rule is a function that yields a sentence for everything it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from prototxt.common.registry import Registry
from prototxt.formats.schema import LayerParameter, NetParameter, SolverParameter


class Finding(NamedTuple):
    """A sentence about a layer; ``layer`` is '' where it is about the whole net."""

    layer: str
    sentence: str


LayerCheck = Callable[[LayerParameter], Iterator[str]]
NetCheck = Callable[[NetParameter], Iterator[Finding]]
SolverCheck = Callable[[SolverParameter, NetParameter | None], Iterator[str]]


@dataclass(frozen=True)
class LayerRule:
    """A check of layers of some types (of all, where ``types`` is empty), one at a time."""

    check: LayerCheck
    types: frozenset[str]

    def applies(self, layer: LayerParameter) -> bool:
        """Whether the rule is about layers of this type."""
        return not self.types or layer.type in self.types


LAYER_RULES: Registry[LayerRule] = Registry("rule about a layer")
NET_RULES: Registry[NetCheck] = Registry("rule about a net")  # see the net of one phase
SOLVER_RULES: Registry[SolverCheck] = Registry("rule about a solver")
NET_WARNINGS: Registry[NetCheck] = Registry("warning about a net")  # Caffe takes it, its author hardly meant it
SOLVER_WARNINGS: Registry[SolverCheck] = Registry("warning about a solver")


def layer_rule(*types: str) -> Callable[[LayerCheck], LayerCheck]:
    """Register a check of layers of these types, or of all layers."""

    def register(check: LayerCheck) -> LayerCheck:
        LAYER_RULES.add(check.__name__, LayerRule(check, frozenset(types)))
        return check

    return register


def net_rule(check: NetCheck) -> NetCheck:
    """Register a check of a whole net, filtered to a phase."""
    NET_RULES.add(check.__name__, check)
    return check


def solver_rule(check: SolverCheck) -> SolverCheck:
    """Register a check of a solver; the net is None where it is not known."""
    SOLVER_RULES.add(check.__name__, check)
    return check


def net_warning(check: NetCheck) -> NetCheck:
    """Register a warning about a net, filtered to a phase."""
    NET_WARNINGS.add(check.__name__, check)
    return check


def solver_warning(check: SolverCheck) -> SolverCheck:
    """Register a warning about a solver; the net is None where it is not known."""
    SOLVER_WARNINGS.add(check.__name__, check)
    return check


def one_of(names: Iterable[str]) -> str:
    """Join names for a sentence: 'a, b or c'."""
    *rest, last = sorted(names)
    return f"{', '.join(rest)} or {last}" if rest else last
