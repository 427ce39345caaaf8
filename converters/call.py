"""One operation of the captured graph, as the op files see it: named arguments in, Caffe layers out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from converters.errors import RefusedError
from converters.layer_spec import Blob, LayerSpec

Result = str | Blob | tuple[str, ...]


class Call:
    """An operation with its arguments, and the layers that an op file makes of it.

    Parameters
    ----------
    op : as torch prints it, e.g. ``"aten.conv2d.default"``.
    name : name of the layer that stands for the operation; further layers are called ``name/part``.
    place : module path in the model.
    arguments : by the names of the operation's schema, defaults filled in: a `Blob` for a value that depends on the
        input, a NumPy array for a parameter, buffer or constant, numbers and lists as they are.
    shape : of the (first) result.
    unique : makes a name for a layer or blob that no other has.
    sharing : gives the name under which a constant's array is shared between operations, "" where it is not.
    """

    def __init__(
        self,
        op: str,
        name: str,
        place: str,
        arguments: Mapping[str, Any],
        shape: tuple[int, ...],
        unique: Callable[[str], str] = str,
        sharing: Callable[[np.ndarray], str] = lambda array: "",
    ) -> None:
        self.op = op
        self.name = name
        self.place = place
        self.arguments = arguments
        self.shape = shape
        self.layers: list[LayerSpec] = []
        self._unique = unique
        self._sharing = sharing
        self._names = {"": name}

    def __getitem__(self, argument: str) -> Any:
        return self.arguments[argument]

    def get(self, argument: str, default: Any = None) -> Any:
        """The argument, or ``default`` where this overload of the operation has none of that name."""
        return self.arguments.get(argument, default)

    def blob(self, argument: str, axes: int | None = None) -> Blob:
        """The argument as a value that depends on the input.

        Raises
        ------
        RefusedError : if it is a constant, or does not have ``axes`` axes.
        """
        value = self.arguments[argument]
        if not isinstance(value, Blob):
            raise RefusedError(f"its {argument} does not depend on the net's input")
        if axes is not None and len(value.shape) != axes:
            raise RefusedError(f"needs {axes} axes, batch included; this one has shape {value.shape}")
        return value

    def constant(self, argument: str) -> np.ndarray | None:
        """The argument (weights, a buffer or a constant) as a float32 array of its own shape, None where it is None.

        Raises
        ------
        RefusedError : if it depends on the net's input.
        """
        value = self.arguments[argument]
        if value is not None and not isinstance(value, np.ndarray):
            raise RefusedError(f"its {argument} is computed from the net's input")
        return value

    def layer(
        self,
        type: str,
        bottoms: Blob | str | Sequence[Blob | str],
        part: str = "",
        top: str = "",
        blobs: Sequence[np.ndarray] = (),
        frozen: bool = False,
        **fields: Mapping[str, Any],
    ) -> str:
        """Append a layer with one top and return the top's name.

        Parameters
        ----------
        type : Caffe's type string.
        bottoms : what it reads.
        part : the layer is called ``name/part``, or just ``name`` if it is empty.
        top : the same for the top, where it should be called differently from the layer.
        blobs : weights in Caffe's layout, of any float type and memory order; float32 copies are kept.
        frozen : no solver may move the blobs.
        fields : parameter messages, e.g. ``relu_param={"negative_slope": 0.1}``; empty ones are left out.
        """
        return self.layer_with_tops(type, bottoms, part, (top or part,), blobs, frozen, **fields)[0]

    def layer_with_tops(
        self,
        type: str,
        bottoms: Blob | str | Sequence[Blob | str],
        part: str,
        tops: Sequence[str],
        blobs: Sequence[np.ndarray] = (),
        frozen: bool = False,
        **fields: Mapping[str, Any],
    ) -> tuple[str, ...]:
        """Append a layer with several tops, called ``name/top`` (``name`` for an empty one); see `layer`."""
        bottoms = [bottoms] if isinstance(bottoms, Blob | str) else bottoms
        # stock Caffe refuses any setting for the statistics of BatchNorm
        shares = tuple("" if type == "BatchNorm" else self._sharing(array) for array in blobs)
        spec = LayerSpec(
            name=self._name(part),
            type=type,
            bottoms=tuple(bottom.name if isinstance(bottom, Blob) else bottom for bottom in bottoms),
            tops=tuple(self._name(top) for top in tops),
            fields={key: value for key, value in fields.items() if value},
            blobs=tuple(np.array(array, np.float32, order="C") for array in blobs),
            shares=shares if any(shares) else (),
            frozen=frozen,
            place=self.place,
        )
        self.layers.append(spec)
        return spec.tops

    def _name(self, part: str) -> str:
        if part not in self._names:
            self._names[part] = self._unique(f"{self.name}/{part}")
        return self._names[part]
