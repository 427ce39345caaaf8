"""What a filter that starts anew is filled by."""

from __future__ import annotations

from prototxt.formats.schema import ConvolutionParameter, FillerParameter, InnerProductParameter, LayerParameter


def settings(layer: LayerParameter) -> InnerProductParameter | ConvolutionParameter:
    """The settings of an InnerProduct or of a convolution."""
    return layer.inner_product_param if layer.type == "InnerProduct" else layer.convolution_param


def living(layer: LayerParameter, filler: FillerParameter | None = None) -> LayerParameter:
    """Copy a layer, with a filler that gives its filters something to start from.

    Parameters
    ----------
    filler : of the weights; by default the layer's own, or xavier where it has none (Caffe would fill with 0, and
        filters of zeros behind a ReLU never learn).
    """
    result = LayerParameter()
    result.CopyFrom(layer)
    param = settings(result)
    if filler is not None:
        param.weight_filler.CopyFrom(filler)
    elif param.weight_filler.type == "constant":
        param.weight_filler.CopyFrom(FillerParameter(type="xavier"))
    return result
