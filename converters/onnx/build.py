"""From an ONNX graph to a PyTorch module, at given shapes of the inputs.

What depends on shapes and constants alone (the chains of Shape, Gather, Concat … that exporters write for a reshape) is
computed here, once, with the same translators; the module keeps what depends on the values of the input.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

import converters.onnx.ops  # noqa: F401 - registers the translators
from converters.errors import Problem, RefusedError
from converters.onnx.batch import takes_any_batch
from converters.onnx.errors import UnsupportedNodesError
from converters.onnx.graph import OnnxGraph, OnnxNode
from converters.onnx.input_shapes import LARGEST
from converters.onnx.module import Keys, OnnxModule, Operation, meta, results
from converters.onnx.names import identifier, layer_names
from converters.onnx.node import Node
from converters.onnx.refused import reason_against
from converters.onnx.registry import Translator, translator
from converters.onnx.reordering import with_reordered_weights
from prototxt.common.errors import InputError

_STATISTICS = {"BatchNormalization": (3, 4)}  # inputs that training counts rather than learns


@dataclass(frozen=True, eq=False)
class Built:
    """A graph as a module.

    Parameters
    ----------
    module : in evaluation mode.
    names : a readable name of every operation, by its place in the module.
    labels : operator and name of the ONNX node, by the same.
    """

    module: OnnxModule
    names: dict[str, str]
    labels: dict[str, tuple[str, str]]


@torch.no_grad()
def build(graph: OnnxGraph, shapes: Mapping[str, Sequence[int]], path: str) -> Built:
    """Build the module.

    Parameters
    ----------
    shapes : of every input, by name.
    path : of the file, for errors.

    Raises
    ------
    UnsupportedNodesError : naming every node that cannot be translated.
    """
    builder = _Builder(graph, shapes)
    builder.add(graph.nodes)
    if builder.problems:
        raise UnsupportedNodesError(path, builder.problems)
    return builder.built()


class _Builder:
    """One pass over the nodes: which values are constants, which depend on the input, which cannot be computed."""

    def __init__(self, graph: OnnxGraph, shapes: Mapping[str, Sequence[int]]) -> None:
        self._graph = graph
        self._constants: dict[str, Tensor] = dict(graph.initializers)
        self._dynamic: dict[str, Tensor] = {
            entry.name: torch.empty(tuple(shapes[entry.name]), dtype=entry.dtype, device="meta")
            for entry in graph.inputs
        }
        self._same: dict[str, str] = {}  # values that are another by another name
        self._missing: set[str] = set()  # values that cannot be computed
        self._operations: list[Operation] = []
        self._read_as: dict[str, str] = {}  # initializers that were reordered, by their new name
        self.problems: list[Problem] = []

    def add(self, nodes: Iterable[OnnxNode]) -> None:
        """Compute or keep every node; what cannot be is a problem, and what reads its outputs is left out."""
        for node in nodes:
            names = [self._same.get(name, name) for name in node.inputs]
            if not self._missing.isdisjoint(names):
                self._missing.update(node.outputs)
                continue
            try:
                self._add(node, names)
            except RefusedError as refusal:
                self._refuse(node, str(refusal))
            except InputError:
                raise
            except Exception as error:  # torch refuses what does not fit with errors of many classes
                self._refuse(node, f"it cannot be computed {self._shapes(names)} ({_first_line(error)})")

    def _add(self, node: OnnxNode, names: Sequence[str]) -> None:
        if node.op == "If" and not node.domain and names[0] in self._constants:
            self._take_branch(node, bool(self._constants[names[0]].item()))
        elif node.op == "Identity" and not node.domain:
            self._same[node.outputs[0]] = names[0]  # not a second weight: old exporters share weights so
        else:
            found = translator(node.kind, self._graph.opset)
            if found is None:
                raise RefusedError(reason_against(node.op, node.domain))
            self._translate(node, found, names)

    def _take_branch(self, node: OnnxNode, condition: bool) -> None:
        """Put the branch in place that is taken at these shapes, as old exporters write for a squeeze."""
        branch = node.attributes["then_branch" if condition else "else_branch"]
        self._constants.update(branch.initializers)
        self.add(branch.nodes)
        for outer, inner in zip(node.outputs, branch.outputs, strict=True):
            self._same[outer] = self._same.get(inner, inner)
            self._missing.update({outer} if inner in self._missing else set())

    def _translate(self, node: OnnxNode, translator: Translator, names: Sequence[str]) -> None:
        constant = all(not name or name in self._constants for name in names)
        values = [self._value(name, constant) for name in names]
        arrays = [self._constants[name].numpy() if name in self._constants else None for name in names]
        reads: set[int] = set()
        shapes = [() if value is None else tuple(value.shape) for value in values]
        found = results(translator, Node(node, self._graph.opset, values, arrays, shapes, reads))
        for name, result in zip(node.outputs, found, strict=False):
            if result.is_meta:
                self._dynamic[name] = result
            else:
                self._constants[name] = result.detach().contiguous()
        largest = max((result.numel() for result in found), default=0)
        if largest > LARGEST:
            raise RefusedError(f"its result would have {largest} values; a blob of Caffe has at most {LARGEST}")
        if any(name in self._dynamic for name in node.outputs):
            present = [index for index in sorted(reads) if index < len(names) and names[index]]
            self._operations.append(Operation(node, translator, self._graph.opset, names, arrays, present, shapes))

    def _value(self, name: str, constant: bool) -> Tensor | None:
        if not name:
            return None
        if name in self._constants:
            return self._constants[name] if constant else meta(self._constants[name])
        return self._dynamic[name]

    def _refuse(self, node: OnnxNode, reason: str) -> None:
        self.problems.append(Problem(node.spoken, node.label, reason))
        self._missing.update(filter(None, node.outputs))

    def _shapes(self, names: Sequence[str]) -> str:
        known = {**self._constants, **self._dynamic}
        return "from shapes " + ", ".join(str(tuple(known[name].shape)) for name in names if name in known)

    def built(self) -> Built:
        """The module of what the outputs need."""
        named = {name: self._same.get(name, name) for name in self._graph.outputs}
        outputs = list(named.values())
        shapes = {name: tuple(value.shape) for name, value in self._dynamic.items()}
        operations, reordered = with_reordered_weights(self._operations, self._constants, shapes, outputs)
        self._constants |= {name: weight for name, (_, weight) in reordered.items()}
        self._read_as |= {name: before for name, (before, _) in reordered.items()}
        operations = _needed(operations, outputs)
        computed = {name for operation in operations for name in operation.spec.outputs}
        inputs = {entry.name: tuple(self._dynamic[entry.name].shape) for entry in self._graph.inputs}
        read = dict.fromkeys([name for operation in operations for name in operation.read_names()] + outputs)
        constants = {name: self._constants[name] for name in read if name not in computed and name in self._constants}
        names = layer_names([operation.spec for operation in operations], self._graph.initializers)
        unique = _Unique({*dir(OnnxModule), *vars(nn.Module())})
        keys = Keys(
            tuple(unique(identifier(names[operation.spec])) for operation in operations),
            {name: unique(identifier(name)) for name in constants},
        )
        module = OnnxModule(operations, constants, self._learned(operations, constants), keys, inputs, named).eval()
        module.any_batch = takes_any_batch(module, self._dynamic, list(inputs), outputs)
        specs = {key: operation.spec for key, operation in zip(keys.operations, operations, strict=True)}
        return Built(
            module,
            {key: names[spec] for key, spec in specs.items()},
            {key: (spec.spoken, spec.label) for key, spec in specs.items()},
        )

    def _learned(self, operations: Sequence[Operation], constants: Iterable[str]) -> set[str]:
        """Initializers of several numbers, but no counted statistics: more is not told of what was learned."""
        counted = {
            operation.inputs[index] for operation in operations for index in _STATISTICS.get(operation.spec.op, ())
        }
        return {
            name
            for name in constants
            if self._read_as.get(name, name) in self._graph.initializers
            and name not in counted
            and self._constants[name].is_floating_point()
            and self._constants[name].numel() > 1
        }


def _needed(operations: Sequence[Operation], outputs: Iterable[str]) -> list[Operation]:
    """The operations that the outputs depend on, in order."""
    wanted = set(outputs)
    kept = []
    for operation in reversed(operations):
        if not wanted.isdisjoint(operation.spec.outputs):
            kept.append(operation)
            wanted.update(operation.read_names())
    return kept[::-1]


class _Unique:
    """Gives a name that no other has."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)

    def __call__(self, name: str) -> str:
        numbered = (f"{name}_{number}" for number in range(2, len(self._taken) + 3))
        free = name if name not in self._taken else next(each for each in numbered if each not in self._taken)
        self._taken.add(free)
        return free


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[0].rstrip(".;:")[:200]
