"""Rules about one layer: its type, its bottoms and tops, its parameters, its fillers."""

from __future__ import annotations

from collections.abc import Iterator

from prototxt.common.names import did_you_mean
from prototxt.formats.parameter_blobs import parameter_count
from prototxt.formats.schema import FillerParameter, LayerParameter, PoolingParameter
from prototxt.lint.registry import layer_rule, one_of
from prototxt.net.extension_types import EXTENSION_TYPES
from prototxt.net.layer_types import LAYER_TYPES, LOSS_TYPES, MANY

FILLERS = ("bilinear", "constant", "gaussian", "msra", "positive_unitball", "uniform", "xavier")
MASTER_ONLY_FIELDS = {"clip_param": "Clip", "swish_param": "Swish"}


@layer_rule()
def known_type(layer: LayerParameter) -> Iterator[str]:
    """Tag 1.0 has 59 types; master adds Clip and Swish."""
    known = LAYER_TYPES.get(layer.type)
    if known is None and layer.type not in EXTENSION_TYPES:
        hint = did_you_mean(layer.type, LAYER_TYPES, f"it has {one_of(LAYER_TYPES)}")
        yield f"stock Caffe has no layer type '{layer.type}'; {hint}"
    elif known is not None and known.master_only:
        yield f"{layer.type} is not in Caffe 1.0, only in its master branch after 2018; write it with older layers"


@layer_rule()
def named(layer: LayerParameter) -> Iterator[str]:
    """Caffe finds weights, and people find layers, by name."""
    if not layer.name:
        yield f"a {layer.type or 'layer'} of tops {list(layer.top)} has no name; give it one"


@layer_rule()
def bottoms_and_tops(layer: LayerParameter) -> Iterator[str]:
    """The number of blobs that the type takes and makes."""
    known = LAYER_TYPES.get(layer.type) or EXTENSION_TYPES.get(layer.type)
    if known is None:
        return
    for what, blobs, (least, most) in (("bottom", layer.bottom, known.bottoms), ("top", layer.top, known.tops)):
        if not least <= len(blobs) <= most:
            yield f"has {_count(len(blobs), what)}; {layer.type} takes {_range(least, most)}"


@layer_rule("Convolution", "Deconvolution")
def as_many_tops_as_bottoms(layer: LayerParameter) -> Iterator[str]:
    """Every bottom of a convolution makes its own top."""
    if len(layer.bottom) != len(layer.top):
        yield f"has {_count(len(layer.bottom), 'bottom')} and {_count(len(layer.top), 'top')}; every bottom makes one"


@layer_rule("Filter")
def filter_tops(layer: LayerParameter) -> Iterator[str]:
    """The last bottom selects; the other ones pass."""
    if len(layer.top) != len(layer.bottom) - 1:
        yield f"has {_count(len(layer.top), 'top')} for {len(layer.bottom)} bottoms; it makes one less than it takes"


@layer_rule("Pooling")
def pooling_mask(layer: LayerParameter) -> Iterator[str]:
    """A second top holds where the maxima were."""
    if len(layer.top) == 2 and layer.pooling_param.pool != PoolingParameter.MAX:
        yield "has 2 tops; only MAX pooling makes a second one (the mask)"


@layer_rule("LSTM", "RNN")
def recurrent_blobs(layer: LayerParameter) -> Iterator[str]:
    """With expose_hidden the first and last hidden states are bottoms and tops, two of an LSTM, one of an RNN."""
    hidden = {"LSTM": 2, "RNN": 1}[layer.type] if layer.recurrent_param.expose_hidden else 0
    if not 2 + hidden <= len(layer.bottom) <= 3 + hidden:
        yield f"has {_count(len(layer.bottom), 'bottom')}; here it takes {_range(2 + hidden, 3 + hidden)}"
    if len(layer.top) != 1 + hidden:
        yield f"has {_count(len(layer.top), 'top')}; here it makes {1 + hidden}"


@layer_rule()
def in_place(layer: LayerParameter) -> Iterator[str]:
    """Layers that need their bottom after they have written their top cannot overwrite it."""
    known = LAYER_TYPES.get(layer.type) or EXTENSION_TYPES.get(layer.type)
    if known is None or known.in_place == "yes":
        return
    for bottom, top in zip(layer.bottom, layer.top, strict=False):
        if bottom == top:
            result = "is refused" if known.in_place == "refused" else "computes wrong numbers or gradients"
            yield f"writes over its bottom '{bottom}', which {result} with {layer.type}; give the top its own name"


@layer_rule()
def one_loss_weight_per_top(layer: LayerParameter) -> Iterator[str]:
    """Loss layers without a top have an automatic one, and without a loss_weight one of 1."""
    is_loss = layer.type in LOSS_TYPES
    tops = max(len(layer.top), is_loss)
    weights = len(layer.loss_weight) or (1 if is_loss else tops)
    if weights != tops:
        hint = "give one per top" if is_loss else "give one per top or none"
        yield f"has {_count(len(layer.loss_weight), 'loss_weight')} for {_count(tops, 'top')}; {hint}"


@layer_rule()
def one_propagate_down_per_bottom(layer: LayerParameter) -> Iterator[str]:
    """Either no propagate_down or one for every bottom."""
    if layer.propagate_down and len(layer.propagate_down) != len(layer.bottom):
        yield (
            f"has {_count(len(layer.propagate_down), 'propagate_down')} for {_count(len(layer.bottom), 'bottom')}; "
            "give one per bottom or none"
        )


@layer_rule()
def no_more_params_than_blobs(layer: LayerParameter) -> Iterator[str]:
    """``param { }`` beyond the blobs that a layer learns."""
    count = parameter_count(layer)
    if count is not None and layer.type in LAYER_TYPES and len(layer.param) > count:
        yield f"has {_count(len(layer.param), 'param')}, but {_count(count, 'parameter blob')}"


@layer_rule("BatchNorm")
def batch_norm_is_not_learned(layer: LayerParameter) -> Iterator[str]:
    """Caffe keeps the statistics itself."""
    if any(spec.lr_mult != 0 for spec in layer.param):
        yield "its param must have lr_mult: 0 (Caffe keeps the statistics itself); leave the param out"


@layer_rule()
def fillers(layer: LayerParameter) -> Iterator[str]:
    """Fillers that exist, with settings that they take."""
    for name, filler in _fillers(layer):
        if filler.type not in FILLERS:
            yield f"{name} has the unknown type '{filler.type}'; stock Caffe has {one_of(FILLERS)}"
        elif filler.sparse != -1 and filler.type != "gaussian":
            yield f"{name} is sparse, which only the gaussian filler can be; got {filler.type}"
        elif filler.type == "gaussian" and filler.sparse < -1:
            yield f"{name} has sparse {filler.sparse}; it must be -1 (off) or more"


@layer_rule()
def fields_of_master(layer: LayerParameter) -> Iterator[str]:
    """Fields that tag 1.0 does not know, so that it cannot parse the file."""
    for name, type_name in MASTER_ONLY_FIELDS.items():
        if layer.HasField(name) and layer.type != type_name:
            yield f"has {name}, which Caffe 1.0 does not know; delete it"
    if layer.pooling_param.HasField("round_mode"):
        yield (
            "has round_mode (or ceil_mode: false), which Caffe 1.0 does not know (only its master branch after 2018); "
            "delete it, and cut a surplus row and column with Slice or Crop"
        )


def _fillers(layer: LayerParameter) -> Iterator[tuple[str, FillerParameter]]:
    for field, param in layer.ListFields():
        if not field.name.endswith("_param"):
            continue
        for inner, value in param.ListFields():
            if inner.message_type is FillerParameter.DESCRIPTOR:
                yield from ((inner.name, filler) for filler in (value if inner.is_repeated else [value]))


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 or what == 'propagate_down' else 's'}"


def _range(least: int, most: int) -> str:
    if most == MANY:
        return f"at least {least}" if least else "any number"
    return str(least) if least == most else f"{least} to {most}"
