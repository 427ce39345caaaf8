"""``caffe.NetSpec``, ``caffe.layers`` and ``caffe.params``: nets written as Python.

``n.conv1 = L.Convolution(n.data, num_output=20, kernel_size=5)`` is a layer and its top; ``n.to_proto()`` is the net.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from google.protobuf.message import Message

from prototxt.common.names import unknown_name
from prototxt.formats import schema
from prototxt.formats.schema import LayerParameter, NetParameter

Made = dict["Function", LayerParameter]
"""Layers of a net that are messages already, in its order."""


def param_name_dict() -> dict[str, str]:
    """By layer type, the name of its own parameter message: ``"InnerProduct": "inner_product"``."""
    fields = (field for field in LayerParameter.DESCRIPTOR.fields if field.name.endswith("_param"))
    return {
        field.message_type.name.removesuffix("Parameter"): field.name.removesuffix("_param")
        for field in fields
        if field.message_type is not None
    }


_PARAM_NAMES = param_name_dict()


class Naming:
    """Names of tops and layers of one net: those that were given, and ``ReLU1``, ``ReLU2``, … for the others."""

    def __init__(self, given: Mapping[Top | Function, str]) -> None:
        self._tops = {top: name for top, name in given.items() if isinstance(top, Top)}
        self._layers = {layer: name for layer, name in given.items() if isinstance(layer, Function)}
        self._counts: Counter[str] = Counter()

    def top(self, top: Top) -> str:
        """Name of a top."""
        if top not in self._tops:
            self._tops[top] = self._next(top.fn)
        return self._tops[top]

    def layer(self, function: Function) -> str:
        """Name of a layer: that of its first top, where it has one."""
        if function not in self._layers:
            self._layers[function] = self.top(function.tops[0]) if function.tops else self._next(function)
        return self._layers[function]

    def _next(self, function: Function) -> str:
        self._counts[function.type_name] += 1
        return f"{function.type_name}{self._counts[function.type_name]}"


class Top:
    """What a layer writes: one blob.

    Attributes
    ----------
    fn : the layer.
    n : place among its tops.
    """

    def __init__(self, fn: Function, n: int) -> None:
        self.fn = fn
        self.n = n

    def to_proto(self) -> NetParameter:
        """The net of all layers that this top needs."""
        return to_proto(self)


class Function:
    """A layer that is not in a net yet.

    Parameters
    ----------
    type_name : layer type.
    inputs : its bottoms.
    params : fields of its parameter message or of the layer itself; ``ntop`` and ``in_place`` are about its tops.

    Raises
    ------
    TypeError : a bottom is no `Top`.
    """

    def __init__(self, type_name: str, inputs: tuple[Any, ...], params: dict[str, Any]) -> None:
        for place, bottom in enumerate(inputs):
            if not isinstance(bottom, Top):
                raise TypeError(f"{type_name} input {place} is not a Top (type is {type(bottom)})")
        self.type_name = type_name
        self.inputs = inputs
        self.params = params
        self.ntop: int = params.pop("ntop", 1)
        self.in_place: bool = params.pop("in_place", False)
        self.tops = tuple(Top(self, place) for place in range(self.ntop))

    def add_to(self, layers: Made, naming: Naming) -> None:
        """Add the layer to those of a net, behind all that it needs; without recursion, so that depth has no limit."""
        waiting = [self]
        while waiting:
            function = waiting[-1]
            missing = [bottom.fn for bottom in function.inputs if bottom.fn not in layers]
            if missing:
                waiting.extend(reversed(missing))
                continue
            waiting.pop()
            if function not in layers:
                layers[function] = function.message(layers, naming)

    def message(self, layers: Made, naming: Naming) -> LayerParameter:
        """The layer's message; ``layers`` has those of its bottoms."""
        layer = LayerParameter(type=self.type_name)
        layer.bottom.extend(layers[bottom.fn].top[bottom.n] for bottom in self.inputs)
        layer.top.extend(layer.bottom if self.in_place else [naming.top(top) for top in self.tops])
        layer.name = naming.layer(self)
        own = f"{_PARAM_NAMES.get(self.type_name)}_param"
        for name, value in self.params.items():
            is_own = not name.endswith("param") and own in layer.DESCRIPTOR.fields_by_name
            targets = [getattr(layer, own), layer] if is_own else [layer]
            known = [target for target in targets if name in target.DESCRIPTOR.fields_by_name]
            if not known:
                fields = [field for target in targets for field in target.DESCRIPTOR.fields_by_name]
                raise AttributeError(f"layers.{self.type_name}: {unknown_name('field', name, fields)}")
            assign_proto(known[0], name, value)
        return layer


class NetSpec:
    """A net under construction: every attribute is a top, and the attribute's name its name."""

    tops: dict[str, Top | Function]

    def __init__(self) -> None:
        super().__setattr__("tops", {})

    def __setattr__(self, name: str, value: Top | Function) -> None:
        self.tops[name] = value

    def __getattr__(self, name: str) -> Any:
        try:
            return self.tops[name]
        except KeyError:
            raise AttributeError(f"the net has no top {name!r}; it has {', '.join(self.tops) or 'none'}") from None

    def __setitem__(self, name: str, value: Top | Function) -> None:
        self.tops[name] = value

    def __getitem__(self, name: str) -> Any:
        return self.tops[name]

    def __delitem__(self, name: str) -> None:
        del self.tops[name]

    def to_proto(self) -> NetParameter:
        """The net of all tops, and of all that they need."""
        return _net(self.tops.values(), {top: name for name, top in self.tops.items()})


class Layers:
    """``caffe.layers``: ``layers.X(bottom, …, field=value)`` makes a layer of type X.

    It gives its top, a tuple of them where ``ntop`` is more than one, or the `Function` where it is 0.
    """

    def __getattr__(self, type_name: str) -> Callable[..., Any]:
        if type_name.startswith("__"):
            raise AttributeError(type_name)  # what Python itself asks for is no layer
        return layer_function(type_name)


class Parameters:
    """``caffe.params``: ``params.Pooling.MAX`` is the constant of that name in ``PoolingParameter``."""

    def __getattr__(self, name: str) -> Any:
        message = getattr(schema, f"{name}Parameter", None)
        if message is None:
            raise AttributeError(f"there is no message {name}Parameter in caffe.proto")
        return message


def layer_function(type_name: str) -> Callable[..., Any]:
    """What ``caffe.layers.X`` is for the layer type X."""

    def make(*bottoms: Any, **params: Any) -> Any:
        function = Function(type_name, bottoms, params)
        return {0: function, 1: function.tops[0] if function.tops else None}.get(function.ntop, function.tops)

    make.__name__ = make.__qualname__ = type_name
    return make


def to_proto(*tops: Top) -> NetParameter:
    """The net of all layers that the tops need, named by type and number."""
    return _net(tops, {})


def assign_proto(proto: Message, name: str, val: Any) -> None:
    """Set a field of a message from Python: dictionaries are messages, lists repeated fields, and so is one value."""
    field = getattr(proto, name)
    if hasattr(field, "extend"):
        for item in val if isinstance(val, list | tuple) else [val]:
            _append(field, item)
    elif isinstance(val, Mapping):
        for key, inner in val.items():
            assign_proto(field, key, inner)
    elif isinstance(val, Message):
        field.CopyFrom(val)
    else:
        setattr(proto, name, val)


def _append(field: Any, item: Any) -> None:
    if isinstance(item, Mapping):
        added = field.add()
        for key, inner in item.items():
            assign_proto(added, key, inner)
    else:
        field.append(item)


def _net(tops: Iterable[Top | Function], names: Mapping[Top | Function, str]) -> NetParameter:
    layers: Made = {}
    naming = Naming(names)
    for top in tops:
        _function(top).add_to(layers, naming)
    net = NetParameter()
    net.layer.extend(layers.values())
    return net


def _function(top: Top | Function) -> Function:
    return top.fn if isinstance(top, Top) else top


layers = Layers()
params = Parameters()
