"""What a module is made of: modules under the names of layers, their arrays, and lines of ``forward``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from converters.back.pytorch.expression import WIDTH, Code, call, chain, code
from converters.back.pytorch.identifiers import ATTRIBUTES, Identifiers, identifier
from converters.back.source_layer import SourceLayer
from prototxt.net.graph import Node, Value

_DEFAULTS = {
    "alpha": {"ELU": "1.0", "LocalResponseNorm": "0.0001"},
    "beta": {"LocalResponseNorm": "0.75"},
    "eps": {"BatchNorm1d": "1e-05", "BatchNorm2d": "1e-05", "BatchNorm3d": "1e-05"},
    "k": {"LocalResponseNorm": "1.0"},
    "p": {"Dropout": "0.5"},
}
"""What PyTorch's modules take where a setting is not given."""


@dataclass(frozen=True)
class Line:
    """An assignment in ``forward``; ``value`` is the blob that has been computed with it, if one has."""

    targets: str
    expression: Code
    value: Value | None = None


class ModuleParts:
    """Gathers the parts of a module, layer by layer.

    Attributes
    ----------
    layer : the one that is described at the moment.
    modules : what ``__init__`` makes, by attribute.
    buffers : attributes among them that are not learned.
    ties : attributes that are others' parameters, (path, path of the owner).
    lines : of ``forward``.
    state : arrays by their names in the state dictionary.
    helpers : functions that the lines call.
    """

    layer: SourceLayer

    def __init__(self) -> None:
        self.modules: dict[str, Code] = {}
        self.buffers: set[str] = set()
        self.ties: list[tuple[str, str]] = []
        self.lines: list[Line] = []
        self.state: dict[str, np.ndarray] = {}
        self.helpers: set[str] = set()
        self._attributes = Identifiers(ATTRIBUTES)
        self._variables = Identifiers({"self"})
        self._attribute_of: dict[tuple[Node, str], str] = {}
        self._variable_of: dict[str, Code] = {}
        self._path_of: dict[tuple[str, int], str] = {}

    def variable(self, blob: str) -> Code:
        """The variable that holds a blob; a layer that works in place assigns it anew."""
        if blob not in self._variable_of:
            self._variable_of[blob] = Code(self._variables.unique(blob, "blob"))
        return self._variable_of[blob]

    @property
    def attributes(self) -> dict[str, str]:
        """The attribute of every layer that has one, by the layer's name; the first of several."""
        found: dict[str, str] = {}
        for (node, _), attribute in self._attribute_of.items():
            found.setdefault(node.name, attribute)
        return found

    def write(self, layer: SourceLayer, value: Value, expression: Code) -> Code:
        """Assign a top."""
        variable = self.variable(value.blob)
        self.lines.append(Line(variable.text, self._shortened(variable.text, expression), value))
        return variable

    def keep(self, x: Code, role: str) -> Code:
        """Assign a step of the layer's work to a variable of its own."""
        name = self._variables.unique(f"{identifier(self.layer.name, 'layer')}_{role}", "step")
        self.lines.append(Line(name, x))
        return Code(name)

    def several(self, expression: Code, roles: Sequence[str]) -> list[Code]:
        """Assign what a call gives to a variable for each role."""
        name = identifier(self.layer.name, "layer")
        names = [self._variables.unique(f"{name}_{role}", "step") for role in roles]
        targets = ", ".join(names)
        self.lines.append(Line(targets, self._shortened(targets, expression)))
        return [Code(name) for name in names]

    def _shortened(self, targets: str, expression: Code) -> Code:
        """An expression that is too long for a line with its calls in lines of their own."""
        if len(f"        {targets} = {expression}") <= WIDTH or not expression.operands:
            return expression
        terms = [
            self.several(operand, ["term"])[0] if operand.head else self._shortened(targets, operand)
            for operand in expression.operands
        ]
        short = terms[0]
        for operator, term in zip(expression.operators, terms[1:], strict=True):
            short = chain(operator, short, term)
        return short

    def attribute(self, role: str = "") -> str:
        """The attribute that holds something of the layer; ``role`` tells several apart."""
        key = (self.layer.node, role)
        if key not in self._attribute_of:
            name = identifier(self.layer.name, "layer")
            self._attribute_of[key] = self._attributes.unique(f"{name}_{role}" if role else name, "layer")
        return self._attribute_of[key]

    def module(
        self,
        kind: str,
        *arguments: float | Code,
        arrays: dict[str, np.ndarray | None] | None = None,
        role: str = "",
        **keywords: Any,
    ) -> str:
        """Make a module of ``nn`` for the layer and give its attribute; settings that are the default are left out."""
        attribute = self.attribute(role)
        given = {
            name: plain(value)
            for name, value in keywords.items()
            if code(plain(value)).text != _DEFAULTS.get(name, {}).get(kind)
        }
        self.modules[attribute] = call(f"nn.{kind}", *arguments, **given)
        for name, array in (arrays or {}).items():
            if array is not None:
                self.store(f"{attribute}.{name}", array)
        return attribute

    def store(self, path: str, array: np.ndarray) -> None:
        """Keep an array for the state dictionary; one that an earlier layer shares is tied to that."""
        self.state[path] = array
        place = next((i for i, blob in enumerate(self.layer.blobs) if np.shares_memory(blob, array)), None)
        if place is None:
            return
        self._path_of[self.layer.name, place] = path
        owner = self.layer.owners[place] if place < len(self.layer.owners) else None
        owned = self._path_of.get(owner) if owner else None
        if owned and self.state[owned].shape == array.shape:
            self.ties.append((path, owned))


def plain(value: Any) -> Any:
    """One number where all axes have the same."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value
