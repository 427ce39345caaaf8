"""PriorBox and DetectionOutput of SSD."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from converters.back.emitter import Detection, Emitter
from converters.back.registry import describes
from converters.back.source_layer import SourceLayer
from prototxt.formats.schema import PriorBoxParameter
from torchcaffe.layers.detection import prior_boxes


@describes("PriorBox")
def prior_box(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """Boxes around every position of a map: constants, since only the sizes of the bottoms count."""
    maps, picture = layer.bottom_shapes
    return [emit.parameter("boxes", prior_boxes(layer.node, (maps[2], maps[3]), (picture[2], picture[3])))]


@describes("DetectionOutput")
def detection_output(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """Boxes from positions relative to prior boxes, the best of each class without those that overlap them."""
    param = layer.param.detection_output_param
    positions, scores, priors = bottoms
    boxes = layer.bottom_shapes[2][2] // 4
    locations = 1 if param.share_location else param.num_classes
    prior = emit.keep(emit.reshape(priors, (2, boxes, 1, 4)), "priors")
    corners = emit.keep(_half(emit, prior, 0, 0), "corners")
    shifts = emit.keep(emit.reshape(positions, (-1, boxes, locations, 4)), "shifts")
    if not param.variance_encoded_in_target:
        shifts = emit.keep(emit.multiply(shifts, _half(emit, prior, 0, 1)), "scaled")
    decode = _DECODE[PriorBoxParameter.CodeType.Name(param.code_type)]
    found = emit.keep(decode(emit, corners, shifts), "boxes")
    by_class = emit.keep(emit.reshape(scores, (-1, boxes, param.num_classes)), "scores")
    settings = Detection(
        images=layer.bottom_shapes[0][0],
        boxes=boxes,
        classes=param.num_classes,
        background=param.background_label_id,
        shared=param.share_location,
        threshold=param.confidence_threshold if param.HasField("confidence_threshold") else None,
        overlap=param.nms_param.nms_threshold,
        eta=param.nms_param.eta,
        candidates=param.nms_param.top_k if param.nms_param.HasField("top_k") and param.nms_param.top_k > -1 else None,
        most=param.keep_top_k if param.keep_top_k > -1 else None,
    )
    return [emit.detect(found, by_class, settings)]


def _half(emit: Emitter[Any], x: Any, axis: int, place: int) -> Any:
    """One of two parts of the first axis, which goes."""
    return emit.narrow(x, axis, place, place + 1)


def _corner(emit: Emitter[Any], corners: Any, shifts: Any) -> Any:
    return emit.add(corners, shifts)


def _size(emit: Emitter[Any], corners: Any) -> Any:
    low, high = (emit.narrow(corners, 3, start, start + 2) for start in (0, 2))
    return emit.keep(emit.subtract(high, low), "size")


def _corner_size(emit: Emitter[Any], corners: Any, shifts: Any) -> Any:
    size = emit.tile(_size(emit, corners), 4, 3, 2)
    return emit.add(corners, emit.multiply(shifts, size))


def _centre_size(emit: Emitter[Any], corners: Any, shifts: Any) -> Any:
    size = _size(emit, corners)
    low, high = (emit.narrow(corners, 3, start, start + 2) for start in (0, 2))
    moved, grown = (emit.narrow(shifts, 3, start, start + 2) for start in (0, 2))
    middle = emit.keep(emit.multiply(emit.add(low, high), 0.5), "middle")
    centre = emit.keep(emit.add(middle, emit.multiply(moved, size)), "centre")
    half = emit.keep(emit.multiply(emit.multiply(emit.unary("exp", grown), size), 0.5), "half")
    first, last = emit.keep(emit.subtract(centre, half), "low"), emit.keep(emit.add(centre, half), "high")
    return emit.concatenate([first, last], 3)


_DECODE = {"CORNER": _corner, "CORNER_SIZE": _corner_size, "CENTER_SIZE": _centre_size}
