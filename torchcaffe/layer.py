"""What every layer is: its parameter blobs, its loss weights, and a function from bottoms to tops."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from prototxt.common.errors import InputError, NetError
from prototxt.formats.blob import to_array
from prototxt.formats.schema import FillerParameter, LayerParameter, ParamSpec, Phase
from torchcaffe.fillers import fill

Shape = tuple[int, ...]
Arity = tuple[int, int | None]
"""Fewest and most blobs that are allowed; None is any number."""


class Layer(nn.Module):
    """A Caffe layer: ``forward(*bottoms)`` gives a tuple of tops, gradients come from autograd.

    A subclass overrides `setup`, which reads the layer's parameters and adds its blobs, and `forward`. What it computes
    follows the sizes of the bottoms that it is given, not those of the prototxt. It never writes into a bottom: nets in
    Caffe's in-place form are run as new values.

    Parameters
    ----------
    param : the layer as it stands in the net.
    bottom_shapes : shapes of the bottoms by the prototxt.
    phase : "TRAIN" or "TEST"; the layer's own ``phase`` field goes first, as in Caffe.
    seed : of the fillers and of random layers; None leaves the blobs empty, to be loaded.

    Attributes
    ----------
    name, type : as in the prototxt.
    phase : "TRAIN" or "TEST".
    blobs : parameters in Caffe's order and shapes. A shared one is the owner's, perhaps in the owner's shape: read
        them through `blob`.
    specs : lr_mult, decay_mult and the name of every blob, Caffe's defaults filled in.
    loss_weights : of every top; all zero where the layer is no loss.
    top_shapes : of a layer without bottoms (data, Input, Parameter) or of a user's code (Python), set in `setup`; None
        for all others.
    """

    forward: Callable[..., tuple[Tensor, ...]]
    type: str  # type: ignore[assignment]  # what nn.Module.type() does, nobody needs here
    bottoms: ClassVar[Arity] = (1, 1)
    tops: ClassVar[Arity] = (1, 1)
    default_loss_weight: ClassVar[float] = 0.0
    """Weight of the first top where the prototxt gives none: 1 for losses."""
    default_lr_mult: ClassVar[float] = 1.0
    differentiable: ClassVar[tuple[int, ...] | None] = None
    """Places of the bottoms that get a gradient; None is all. The others (labels) are detached."""

    def __init__(
        self,
        param: LayerParameter,
        bottom_shapes: Sequence[Shape] = (),
        phase: str = "TEST",
        seed: int | None = 0,
    ) -> None:
        super().__init__()
        self.param = param
        self.name = param.name
        self.type = param.type
        self.phase = Phase.Name(param.phase) if param.HasField("phase") else phase
        self.seed = seed
        self.blobs = nn.ParameterList()
        self.blob_shapes: list[Shape] = []
        self.specs: list[ParamSpec] = []
        self.top_shapes: list[Shape] | None = None
        self._anchor: Tensor
        self.register_buffer("_anchor", torch.empty(0), persistent=False)
        self._generator: torch.Generator | None = None
        self._check_arity(len(bottom_shapes))
        self.setup([tuple(shape) for shape in bottom_shapes])
        self._check_specs()
        self._load_own_blobs()
        self.loss_weights = self._loss_weights()

    @classmethod
    def from_param(
        cls,
        param: LayerParameter,
        bottom_shapes: Sequence[Shape] = (),
        phase: str = "TEST",
        seed: int | None = 0,
    ) -> Self:
        """Make the layer; parameters as in the class.

        Raises
        ------
        NetError : a field's value is not allowed, or does not fit the bottoms; the sentence names the layer.
        """
        try:
            return cls(param, bottom_shapes, phase, seed)
        except InputError:
            raise
        except (ValueError, RuntimeError, IndexError) as error:
            raise NetError(f"layer {param.name!r} ({param.type}): {error}") from error

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read the layer's fields and add its blobs; a ``ValueError`` from here becomes a `NetError`."""

    def run_state(self) -> dict[str, np.ndarray]:
        """What the next passes depend on beside blobs and bottoms: the stream of random numbers, once it was begun."""
        if self._generator is None:
            return {}
        return {"generator": self._generator.get_state().numpy()}

    def restore_run_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on where `run_state` was taken, on a device of the same kind.

        Raises
        ------
        ValueError, RuntimeError : the state is none of this layer.
        """
        self._generator = None
        if "generator" in state:
            self.generator.set_state(torch.from_numpy(np.array(state["generator"], np.uint8)))

    def reset_state(self) -> None:
        """Forget what was carried over from earlier passes; only recurrent layers carry anything."""

    def shapes_of_tops(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """Shapes of the tops where they are in no field of the prototxt and only the layer's own code knows them."""
        raise NotImplementedError(self.type)

    # -- for subclasses ---------------------------------------------------------------------------------------------

    def add_blob(self, shape: Sequence[int], filler: FillerParameter | None = None) -> None:
        """Add a parameter of a shape, filled by ``filler`` (zeros without one)."""
        tensor = torch.zeros(tuple(shape))
        if filler is not None and self.seed is not None:
            fill(tensor, filler, self._generator_for(f"blob {len(self.blobs)}"))
        self.blobs.append(nn.Parameter(tensor))
        self.blob_shapes.append(tuple(shape))
        index = len(self.specs)
        spec = ParamSpec()
        if index < len(self.param.param):
            spec.CopyFrom(self.param.param[index])
        elif self.default_lr_mult != 1:
            spec.lr_mult = self.default_lr_mult
        self.specs.append(spec)

    def blob(self, index: int) -> Tensor:
        """A parameter in this layer's own shape."""
        tensor = self.blobs[index]
        shape = self.blob_shapes[index]
        return tensor if tensor.shape == shape else tensor.view(shape)

    def learn_only(self, units: Tensor | None) -> None:
        """Hear which units (filters) of the weights learn, so that a layer can leave out the others' gradient.

        Parameters
        ----------
        units : their numbers, ascending; None for all.
        """

    def cuts_gradient(self, place: int, force_backward: bool = False) -> bool:
        """Whether no gradient flows into the bottom at ``place``: a label, or ``propagate_down: false``.

        ``force_backward`` of the net overrules the latter (``Net::Init``).
        """
        if self.differentiable is not None and place not in self.differentiable:
            return True
        return bool(self.param.propagate_down) and not self.param.propagate_down[place] and not force_backward

    @property
    def training_phase(self) -> bool:
        """Whether the layer runs in the phase TRAIN."""
        return self.phase == "TRAIN"

    @property
    def device(self) -> torch.device:
        """Where the layer computes."""
        return self._anchor.device

    @property
    def generator(self) -> torch.Generator:
        """The layer's own stream of random numbers on its device, the same for the same seed and name."""
        if self._generator is None or self._generator.device != self.device:
            self._generator = self._generator_for("forward", self.device)
        return self._generator

    # -- internal ---------------------------------------------------------------------------------------------------

    def _generator_for(self, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
        # Hashed to 32 bits, because torch's generator on the CPU takes no more of a seed.
        seed = zlib.crc32(f"{self.seed or 0}\n{self.name}\n{purpose}".encode())
        return torch.Generator(device).manual_seed(seed)

    def _check_arity(self, n_bottoms: int) -> None:
        for what, count, (fewest, most) in (
            ("bottom", n_bottoms, self.bottoms),
            ("top", len(self.param.top), self.tops),
        ):
            if count < fewest or (most is not None and count > most):
                allowed = str(fewest) if fewest == most else f"{fewest} to {'any number' if most is None else most}"
                raise NetError(f"layer {self.name!r} ({self.type}): has {count} {what} blobs; it takes {allowed}")

    def _check_specs(self) -> None:
        if self.param.propagate_down and len(self.param.propagate_down) != len(self.param.bottom):
            raise NetError(
                f"layer {self.name!r} ({self.type}): propagate_down must be given once for each of its "
                f"{len(self.param.bottom)} bottoms or not at all; it is given {len(self.param.propagate_down)} times"
            )
        if len(self.param.param) > len(self.blobs):
            raise NetError(
                f"layer {self.name!r} ({self.type}): has {len(self.param.param)} param messages but only "
                f"{len(self.blobs)} parameter blobs; remove those that are too many"
            )

    def _load_own_blobs(self) -> None:
        """Take the blobs that the net itself holds, when it was read from a caffemodel."""
        with torch.no_grad():
            for blob, proto in zip(self.blobs, self.param.blobs, strict=False):
                blob.copy_(torch.from_numpy(to_array(proto)).reshape(blob.shape))

    def _loss_weights(self) -> tuple[float, ...]:
        given = tuple(self.param.loss_weight)
        n_tops = max(1, len(self.param.top)) if self.default_loss_weight else len(self.param.top)
        if not given and self.default_loss_weight and n_tops == 1:
            return (self.default_loss_weight,)
        if not given and self.default_loss_weight:
            given = (self.default_loss_weight,)
        if given and len(given) != n_tops:
            raise NetError(
                f"layer {self.name!r} ({self.type}): has {n_tops} tops, so loss_weight must be given {n_tops} times "
                f"(or not at all, where it is no loss); it is given {len(self.param.loss_weight)} times"
            )
        return given or (0.0,) * n_tops

    def extra_repr(self) -> str:
        """Name and type, for ``repr``."""
        return f"{self.name!r}, {self.type}"
