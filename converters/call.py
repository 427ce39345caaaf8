"""One operation of the captured graph, as the op files see it: named arguments in, Caffe layers out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from converters.errors import RefusedError
from converters.layer_spec import Blob, LayerSpec

Result = str | Blob | tuple[str | Blob, ...]


class Origin(NamedTuple):
    """What is known of an array that becomes a layer's blob.

    Parameters
    ----------
    share : name under which several operations share it, "" where it is this one's own.
    learned : whether PyTorch learns it.
    """

    share: str = ""
    learned: bool = True


class FixedSize(NamedTuple):
    """Why a layer is right at one size of the maps only; see `Call.fix_size`."""

    layer: str
    reason: str
    curable: bool


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
    origin : tells of an array what is known of it.
    like : any value with the batch as its first axis, for what is made from constants alone.
    beside : gives a number that the operation's module has under a name, such as ``"num_batches_tracked"``, else None.
    wanted : of an operation with several results, the indices of those that anybody reads.
    any_size : whether to take forms that are right at every size of the maps even where this size needs none.
    types : PyTorch's number type of every argument that is a tensor, such as ``"float32"``.
    """

    def __init__(
        self,
        op: str,
        name: str,
        place: str,
        arguments: Mapping[str, Any],
        shape: tuple[int, ...],
        unique: Callable[[str], str] = str,
        origin: Callable[[np.ndarray], Origin] = lambda array: Origin(),
        like: Blob | None = None,
        types: Mapping[str, str] | None = None,
        beside: Callable[[str], float | None] = lambda name: None,
        any_size: bool = False,
        wanted: Collection[Any] = (),
    ) -> None:
        self.op = op
        self.name = name
        self.place = place
        self.arguments = arguments
        self.shape = shape
        self.layers: list[LayerSpec] = []
        self.like = like
        self.any_size = any_size
        self.wanted = wanted
        self.fixed: list[FixedSize] = []
        self.types = types or {}
        self.beside = beside
        self._unique = unique
        self._origin = origin
        self._names = {"": name}
        self._layers: set[str] = set()
        self._tops: set[str] = set()

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

    def learned(self, array: Any) -> bool:
        """Whether PyTorch learns an argument: it is a parameter with ``requires_grad``, or computed from one."""
        return isinstance(array, np.ndarray) and self._origin(array).learned

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
        frozen : no solver may move the blobs; otherwise it may where PyTorch's does.
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
        origins = [Origin() if type == "BatchNorm" else self._origin(array) for array in blobs]
        shares, fixed = [origin.share for origin in origins], [frozen or not origin.learned for origin in origins]
        spec = LayerSpec(
            name=self._name(part, self._layers),
            type=type,
            bottoms=tuple(bottom.name if isinstance(bottom, Blob) else bottom for bottom in bottoms),
            tops=tuple(self._name(top, self._tops) for top in tops),
            fields={key: value for key, value in fields.items() if value},
            blobs=tuple(np.array(array, np.float32, order="C") for array in blobs),
            shares=tuple(shares) if any(shares) else (),
            frozen=tuple(fixed) if any(fixed) else (),
            place=self.place,
        )
        self.layers.append(spec)
        return spec.tops

    def step(
        self,
        type: str,
        bottoms: Blob | Sequence[Blob],
        part: str,
        shape: Sequence[int],
        blobs: Sequence[np.ndarray] = (),
        propagates: bool = True,
        **fields: Mapping[str, Any],
    ) -> Blob:
        """Append a layer that moves or weighs values on the way to the result.

        Parameters
        ----------
        part : the layer is called ``name/part``.
        shape : of its top, batch first.
        blobs : its weights, which are arithmetic and frozen.
        propagates : False where its bottoms shall get no gradient from it.
        fields : as of `layer`.
        """
        (top,) = self.layer_with_tops(type, bottoms, part, (part,), blobs, frozen=True, **fields)
        self.layers[-1] = replace(self.layers[-1], propagates=propagates)
        return Blob(top, tuple(shape))

    def fix_size(self, reason: str, curable: bool = False) -> None:
        """Note that the layers are right at this size of the maps only.

        Parameters
        ----------
        reason : a clause about the operation, without its name.
        curable : whether they are right at every size with `any_size`.
        """
        self.fixed.append(FixedSize(self.name, reason, curable))

    def finish(self, result: Result) -> Result:
        """Give what makes the only result the operation's own name if nothing else has it: the top, and its layer."""
        top = result.name if isinstance(result, Blob) else result
        made = [layer for layer in self.layers if top in layer.tops]
        if not made or any(self.name in (layer.name, *layer.tops) for layer in self.layers):
            return result

        def renamed(layer: LayerSpec) -> LayerSpec:
            bottoms, tops = (
                tuple(self.name if blob == top else blob for blob in blobs) for blobs in (layer.bottoms, layer.tops)
            )
            return replace(layer, name=self.name if layer.tops == (top,) else layer.name, bottoms=bottoms, tops=tops)

        self.layers = [renamed(layer) for layer in self.layers]
        return replace(result, name=self.name) if isinstance(result, Blob) else self.name

    def _name(self, part: str, taken: set[str]) -> str:
        """``name/part``; a part that a layer (or a top) of this operation has already gets a number."""
        free, number = part, 1
        while free in taken:
            number += 1
            free = f"{part or 'part'}_{number}"
        taken.add(free)
        if free not in self._names:
            self._names[free] = self._unique(f"{self.name}/{free}")
        return self._names[free]
