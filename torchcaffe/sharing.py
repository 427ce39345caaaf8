"""Parameters that several layers share by name (``param { name: "w" }``), after ``Net::AppendParam``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn

from prototxt.common.errors import NetError
from prototxt.formats.schema import ParamSpec
from torchcaffe.layer import Layer


@dataclass(frozen=True)
class Learnable:
    """A parameter that a solver updates, once for all the layers that share it.

    Attributes
    ----------
    parameter : the blob of its owner, the first layer that has it.
    spec : the owner's name, lr_mult and decay_mult, with what sharing layers add to them.
    layer, index : whose blob it is, and its place there.
    """

    parameter: nn.Parameter
    spec: ParamSpec
    layer: str
    index: int


def share_parameters(layers: Iterable[Layer]) -> tuple[Learnable, ...]:
    """Put the owner's parameter into every layer that shares it, and list the learnable parameters in Caffe's order.

    Shapes are known to fit by the share_mode (`prototxt.net.shapes.infer_shapes`).

    Raises
    ------
    NetError : two layers give a shared parameter different multipliers.
    """
    owners: dict[str, Learnable] = {}
    learnable: list[Learnable] = []
    for layer in layers:
        for index, spec in enumerate(layer.specs):
            owner = owners.get(spec.name)
            if owner is None:
                owner = Learnable(layer.blobs[index], spec, layer.name, index)
                learnable.append(owner)
                if spec.name:
                    owners[spec.name] = owner
            else:
                _join_multipliers(owner.spec, spec, layer.name)
                layer.blobs[index] = owner.parameter
                layer.specs[index] = owner.spec
    return tuple(learnable)


def _join_multipliers(owner: ParamSpec, spec: ParamSpec, layer: str) -> None:
    for field in ("lr_mult", "decay_mult"):
        if not spec.HasField(field):
            continue
        if not owner.HasField(field):
            setattr(owner, field, getattr(spec, field))
        elif getattr(owner, field) != getattr(spec, field):
            raise NetError(
                f"layer {layer!r}: shared param {spec.name!r} has {field} {getattr(spec, field):g} here and "
                f"{getattr(owner, field):g} in the layer that owns it; give the same, or give it once"
            )
