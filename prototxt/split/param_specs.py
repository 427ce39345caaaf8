"""Learning rates of blobs: what the net says, what Caffe's users take for granted, and a multiplier on top."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from prototxt.common.errors import NetError
from prototxt.formats.parameter_blobs import parameter_count
from prototxt.formats.schema import LayerParameter, NetParameter, ParamSpec
from prototxt.net.layer_types import UNIT_TYPES
from prototxt.split.layers import Part

BIAS_LR = 2.0
BIAS_DECAY = 0.0


def fill_param_specs(
    net: NetParameter,
    layers: Collection[str] | None = None,
    *,
    bias_lr: float = BIAS_LR,
    bias_decay: float = BIAS_DECAY,
) -> NetParameter:
    """Write out the ``param`` entries that a net leaves to be understood.

    What the net itself says stays. A blob for which it says nothing gets, in a Convolution, Deconvolution or
    InnerProduct, lr_mult 1 and decay_mult 1 for weights, ``bias_lr`` and ``bias_decay`` for biases (2 and 0, as in
    Caffe's reference nets; Caffe itself would take 1 and 1).

    Of a parameter that layers share, each layer gets what the first that says something says.

    Parameters
    ----------
    net : left as it is.
    layers : only these; by default every layer of the three types.

    Returns
    -------
    A new net.
    """
    result = NetParameter()
    result.CopyFrom(net)
    for layer in result.layer:
        if layer.type in UNIT_TYPES and (layers is None or layer.name in layers):
            defaults = (ParamSpec(lr_mult=1, decay_mult=1), ParamSpec(lr_mult=bias_lr, decay_mult=bias_decay))
            layer.param.extend(defaults[len(layer.param) : parameter_count(layer)])
    _fill_shared(result)
    return result


def scaled(layer: LayerParameter, rate: float, suffix: str = "") -> LayerParameter:
    """Copy a layer, the lr_mult of all its blobs multiplied by ``rate``; BatchNorm, which never learns, as it is.

    Names of parameters get the suffix, so that parts share among themselves what their layers share.
    """
    result = LayerParameter()
    result.CopyFrom(layer)
    if layer.type != "BatchNorm":
        result.param.extend(ParamSpec() for _ in range((parameter_count(layer) or 0) - len(layer.param)))
        for spec in result.param:
            spec.lr_mult = spec.lr_mult * rate
    for spec in result.param:
        if spec.name:
            spec.name += suffix
    return result


def refuse_unequal_sharing(net: NetParameter, parts: Mapping[str, Sequence[Part]]) -> None:
    """Refuse rates under which two layers that share a parameter would learn it at different speeds.

    Parameters
    ----------
    parts : what each layer with rates is cut into; the filters of others learn at the multiplier 1.

    Raises
    ------
    NetError : names the layers; Caffe needs one lr_mult for a shared parameter.
    """
    sharers: dict[str, list[str]] = {}
    for layer in net.layer:
        for spec in layer.param:
            if spec.name and layer.name not in sharers.setdefault(spec.name, []):
                sharers[spec.name].append(layer.name)
    for parameter, layers in sharers.items():
        if len({_rates_of(parts.get(layer, ())) for layer in layers}) > 1:
            raise NetError(
                f"layers {', '.join(map(repr, layers))} share the parameter {parameter!r}, but their filters would "
                "learn at different rates; Caffe needs one: leave these layers out of the plan, or give them the same "
                "multipliers, filter by filter"
            )


def _rates_of(parts: Sequence[Part]) -> tuple[tuple[float, tuple[int, ...]], ...]:
    """Rates with their filters; one without filters where all learn alike."""
    if len(parts) < 2:
        return ((parts[0].lr_mult if parts else 1.0, ()),)
    return tuple((part.lr_mult, part.filters) for part in parts)


def _fill_shared(net: NetParameter) -> None:
    """Write out what only some of the layers that share a parameter say of it (net.cpp, AppendParam)."""
    for field in ("lr_mult", "decay_mult"):
        specs = [spec for layer in net.layer for spec in layer.param if spec.name]
        said = {spec.name: getattr(spec, field) for spec in reversed(specs) if spec.HasField(field)}
        for spec in specs:
            if spec.name in said:
                setattr(spec, field, said[spec.name])
