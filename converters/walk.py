"""One pass over the captured graph: what every node becomes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor, fx

import converters.ops  # noqa: F401 - registers the converters
from converters.call import Call, FixedSize, Origin, Result
from converters.capture import is_getitem, module_place
from converters.captured import Captured
from converters.errors import Problem, RefusedError, UnsupportedOpsError
from converters.layer_spec import Blob, LayerSpec, Reference
from converters.names import Namer
from converters.registry import CONVERTERS


@dataclass(frozen=True)
class Missing:
    """A result that the net does not have; whoever reads it is refused for this reason."""

    reason: str


class Walk:
    """The layers of a captured graph.

    Parameters
    ----------
    captured : the graph.
    namer : gives every operation its name.
    any_size : whether to take forms that are right at every size of the input even where this one needs none.

    Attributes
    ----------
    fixed : why the layers are right for this size of the input only; empty where they are not.
    """

    def __init__(self, captured: Captured, namer: Namer, any_size: bool = False) -> None:
        self._captured = captured
        self._namer = namer
        self._values: dict[str, Any] = {each.node: Blob(each.name, each.shape) for each in captured.inputs}
        self._learned = set(captured.learned)
        self._shared = _shared_constants(captured)
        self._like = next(iter(self._values.values()), None)
        self._any_size = any_size
        self.fixed: list[FixedSize] = []
        self.references: list[Reference] = []

    def layers(self) -> list[LayerSpec]:
        """Convert every node, in order.

        Raises
        ------
        UnsupportedOpsError : after the last node, if any was refused.
        """
        layers: list[LayerSpec] = []
        problems: list[Problem] = []
        fault: Exception | None = None
        for node in self._captured.graph.graph.nodes:
            try:
                layers += self._layers_of(node)
            except RefusedError as refusal:
                problems.append(Problem(short(str(node.target)), module_place(node), str(refusal)))
                self._values[node.name] = _results(node, [node.name] * _count(node))
            except Exception as error:  # a fault of an op file must not hide what else there is to say
                fault = error
                reason = f"a fault of this program, please report it: {type(error).__name__}: {error}"
                problems.append(Problem(short(str(node.target)), module_place(node), reason))
                self._values[node.name] = _results(node, [node.name] * _count(node))
        if problems:
            raise UnsupportedOpsError(problems) from fault
        return layers

    def value(self, node: str) -> Any:
        """What a node became: a `Blob`, a constant tensor, or `Missing`."""
        return self._values[node]

    def _layers_of(self, node: fx.Node) -> list[LayerSpec]:
        if node.op == "placeholder":
            self._values.setdefault(node.name, self._captured.constants.get(node.name))
        elif is_getitem(node):
            self._values[node.name] = self._values[node.args[0].name][node.args[1]]  # type: ignore[union-attr,index]
        elif node.op == "call_function" and not self._fold(node):
            return self._convert(node)
        return []

    def _convert(self, node: fx.Node) -> list[LayerSpec]:
        op = str(node.target)
        if op not in CONVERTERS:
            raise RefusedError
        place = module_place(node)
        values = _results(node, [""] * _count(node))
        call = Call(
            op,
            self._namer.name(place, op),
            place,
            self._arguments(node),
            (values[0] if isinstance(values, tuple) else values).shape,
            self._namer.unique,
            self._origins(node),
            self._like,
            self._types(node),
            lambda name: self._number(f"{place}.{name}" if place else name),
            any_size=self._any_size,
            wanted={user.args[1] for user in node.users if is_getitem(user)},
        )
        result = call.finish(CONVERTERS[op](call))
        _check_finite(call.layers)
        self._values[node.name] = _named(node, result)
        self._refer(node, call.layers, result)
        self.fixed += call.fixed
        return call.layers

    def _arguments(self, node: fx.Node) -> dict[str, Any]:
        """Arguments by the names of the operation's schema."""
        schema = node.target._schema.arguments  # type: ignore[union-attr]
        values = fx.node.map_arg((node.args, node.kwargs), lambda argument: self._values[argument.name])
        missing = [self._values[each.name] for each in node.all_input_nodes]
        for value in missing:
            if isinstance(value, Missing):
                raise RefusedError(f"it reads {value.reason}")
        positional: dict[str, Any] = dict(zip((entry.name for entry in schema), values[0], strict=False))
        given = {**positional, **values[1]}
        return {
            entry.name: _plain(given[entry.name]) if entry.name in given else entry.default_value for entry in schema
        }

    def _number(self, target: str) -> float | None:
        """A number among the model's buffers, by its place."""
        found = [self._captured.constants[name] for name, where in self._captured.targets.items() if where == target]
        return float(found[0]) if found and found[0].numel() == 1 else None

    def _types(self, node: fx.Node) -> dict[str, str]:
        """Number types of the tensors among the arguments."""
        schema = node.target._schema.arguments  # type: ignore[union-attr]
        given = {**dict(zip((entry.name for entry in schema), node.args, strict=False)), **node.kwargs}
        return {
            name: str(value.meta["val"].dtype).removeprefix("torch.")
            for name, value in given.items()
            if isinstance(value, fx.Node) and _is_tensor(value)
        }

    def _fold(self, node: fx.Node) -> bool:
        """Compute a node that does not depend on the input; False if it does."""
        values = [self._values[argument.name] for argument in node.all_input_nodes]
        if any(_depends_on_input(value) for value in values):
            return False
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda argument: self._values[argument.name])
        self._values[node.name] = node.target(*args, **kwargs)  # type: ignore[operator]
        if any(argument.name in self._learned for argument in node.all_input_nodes):
            self._learned.add(node.name)
        return True

    def _refer(self, node: fx.Node, layers: Sequence[LayerSpec], result: Result) -> None:
        several = isinstance(node.meta["val"], tuple | list)
        names = (result,) if isinstance(result, str | Blob) else result
        wanted = {each.name if isinstance(each, Blob) else each: index for index, each in enumerate(names)}
        for layer in layers:
            for index, top in enumerate(layer.tops):
                if top in wanted:
                    part = wanted[top] if several else None
                    self.references.append(Reference(layer.name, index, node.name, part))

    def _origins(self, node: fx.Node) -> Any:
        """What is known of an array that an op file makes a blob of.

        An argument itself is told by the address of its memory. What was computed from several is learned if any of
        them is.
        """
        constants = {
            _address(value): each.name in self._learned
            for each in node.all_input_nodes
            if isinstance(value := self._values[each.name], Tensor)
        }
        any_learned = any(constants.values())

        def origin(array: np.ndarray) -> Origin:
            address = array.__array_interface__["data"][0]
            return Origin(self._shared.get(address, ""), constants.get(address, any_learned))

        return origin


def _check_finite(layers: Sequence[LayerSpec]) -> None:
    """Refuse layers with a setting or weight that is no finite float32."""
    for layer in layers:
        settings = [value for param in layer.fields.values() for value in param.values() if isinstance(value, float)]
        if not all(abs(value) <= LARGEST for value in settings):
            raise RefusedError(f"by a number that float32 does not hold: {', '.join(map(str, settings))}")
        if not all(np.isfinite(blob).all() for blob in layer.blobs):
            raise RefusedError("by a constant that is infinite or no number")


LARGEST = float(np.finfo(np.float32).max)


def short(op: str) -> str:
    """An operation's name as people know it, without ``.default``."""
    return op.removesuffix(".default")


def _address(value: Tensor) -> int:
    return value.detach().cpu().numpy().__array_interface__["data"][0]


def _shared_constants(captured: Captured) -> dict[int, str]:
    """Places of the parameters that several operations use, by address of their memory."""
    nodes = {node.name: node for node in captured.graph.graph.nodes}
    uses: Counter[str] = Counter()
    for name, target in captured.targets.items():
        uses[target] += len(nodes[name].users)
    return {
        _address(captured.constants[name]): target
        for name, target in captured.targets.items()
        if uses[target] > 1 and captured.constants[name].is_floating_point()
    }


def _depends_on_input(value: Any) -> bool:
    return isinstance(value, Blob | Missing) or (isinstance(value, tuple) and any(map(_depends_on_input, value)))


def _plain(value: Any) -> Any:
    """Tensors as arrays, and torch's lists as lists."""
    if isinstance(value, Tensor):
        return value.detach().cpu().numpy()
    return [_plain(entry) for entry in value] if isinstance(value, list | tuple) else value


def _named(node: fx.Node, result: Result) -> Any:
    """The node's result, or results, as a converter gave them."""
    if isinstance(result, Blob) and _is_tensor(node):
        return replace(result, shape=_shape(node.meta["val"]))
    return _results(node, [result] if isinstance(result, str | Blob) else result)


def _results(node: fx.Node, names: Sequence[str | Blob]) -> Any:
    """The node's result, or results, under ``names``; one for which there is no name is `Missing`."""
    values = node.meta.get("val")
    if isinstance(values, tuple | list):
        reason = f"a second result of {short(str(node.target))}, which Caffe does not give"
        blobs = [_blob(name, value) for name, value in zip(names, values, strict=False)]
        return (*blobs, *(Missing(reason) for _ in values[len(blobs) :]))
    return _blob(names[0], values)


def _blob(name: str | Blob, value: Any) -> Blob:
    return Blob(name.name if isinstance(name, Blob) else name, _shape(value))


def _is_tensor(node: fx.Node) -> bool:
    return isinstance(node.meta.get("val"), Tensor)


def _shape(value: Any) -> tuple[int, ...]:
    """Extents of what an operation gives; none for a number, or for nothing."""
    return tuple(map(int, value.shape)) if isinstance(value, Tensor) else ()


def _count(node: fx.Node) -> int:
    """How many results a node has."""
    values = node.meta.get("val")
    return len(values) if isinstance(values, tuple | list) else 1
