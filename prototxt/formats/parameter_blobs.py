"""How many parameter blobs a layer has, by its type. Files of weights need it, so it lies below the nets.

Source: ``LayerSetUp`` of the layers in BVLC Caffe, tag 1.0.
"""

from __future__ import annotations

from collections.abc import Callable

from prototxt.formats.schema import LayerParameter


def parameter_count(layer: LayerParameter) -> int | None:
    """Number of parameter blobs of a layer: 0 for types without any, None where Python code decides."""
    if layer.type == "Python":
        return None
    count = _COUNTS.get(layer.type)
    return count(layer) if count else 0


def learns(layer: LayerParameter) -> bool:
    """Whether a layer has parameters that a solver changes; BatchNorm's are statistics, which Caffe keeps itself."""
    return layer.type != "BatchNorm" and parameter_count(layer) != 0


def _own_operand(layer: LayerParameter) -> int:
    """What multiplies or is added is a parameter, unless it is the second bottom."""
    return int(len(layer.bottom) < 2)


def _static_input(layer: LayerParameter, states: int) -> int:
    """Whether a recurrent layer has a bottom that is the same for all steps, and weights for it (recurrent_layer.cpp).

    Parameters
    ----------
    states : how many bottoms are first states with ``expose_hidden``.
    """
    return int(len(layer.bottom) > 2 + states * layer.recurrent_param.expose_hidden)


_COUNTS: dict[str, Callable[[LayerParameter], int]] = {
    "BatchNorm": lambda layer: 3,  # mean, variance, and the factor by which both are divided
    "Bias": _own_operand,
    "Convolution": lambda layer: 1 + layer.convolution_param.bias_term,
    "Deconvolution": lambda layer: 1 + layer.convolution_param.bias_term,
    "Embed": lambda layer: 1 + layer.embed_param.bias_term,
    "InnerProduct": lambda layer: 1 + layer.inner_product_param.bias_term,
    "LSTM": lambda layer: 3 + _static_input(layer, states=2),
    "PReLU": lambda layer: 1,
    "Normalize": lambda layer: 1,  # of SSD's fork
    "Parameter": lambda layer: 1,
    "RNN": lambda layer: 5 + _static_input(layer, states=1),
    "Scale": lambda layer: _own_operand(layer) + layer.scale_param.bias_term,
}
