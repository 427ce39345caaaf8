"""Layers that start afresh instead of with the source net's weights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from entropy.surgery.extended import Extended
from entropy.surgery.filling import fresh_blobs
from prototxt.formats.schema import FillerParameter, LayerParameter
from prototxt.net.graph import NetGraph
from prototxt.net.shapes import infer_shapes


def with_fresh_weights(extended: Extended, layers: Iterable[str], filler: str, seed: int) -> Extended:
    """Fill layers anew; BatchNorm gets statistics with which it changes nothing.

    Parameters
    ----------
    layers : names.
    filler : Caffe's type, for the weights of Convolution, Deconvolution and InnerProduct; their biases become 0. Other
        layers get what their own fillers say.
    seed : together with the layer's name it decides the random numbers.

    Raises
    ------
    NetError : there is no such filler.
    """
    graph = NetGraph(extended.net)
    shapes = infer_shapes(graph)
    weights = dict(extended.weights)
    for name in layers:
        node = graph.node(name)
        bottoms = [shapes.values[bottom] for bottom in node.bottoms]
        weights[name] = fresh_blobs(_with_filler(node.layer, filler), bottoms, seed)
    return replace(extended, weights=weights)


def _with_filler(layer: LayerParameter, filler: str) -> LayerParameter:
    result = LayerParameter()
    result.CopyFrom(layer)
    del result.blobs[:]
    if layer.type in ("Convolution", "Deconvolution", "InnerProduct"):
        param = result.inner_product_param if layer.type == "InnerProduct" else result.convolution_param
        param.weight_filler.CopyFrom(FillerParameter(type=filler))
        param.bias_filler.CopyFrom(FillerParameter(type="constant", value=0))
    return result
