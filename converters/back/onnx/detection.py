"""DetectionOutput in ONNX: NonMaxSuppression with what Caffe does before and after it."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from converters.back.emitter import Detection
from converters.back.onnx.graph_parts import GraphParts
from converters.errors import ConversionError


def detect_in_image(parts: GraphParts, boxes: str, scores: str, settings: Detection, image: int) -> str:
    """What is found in one image: (rows, 7)."""
    if settings.eta != 1 or not settings.shared:
        raise ConversionError(
            f"{parts.layer.node}: ONNX has no suppression with eta below 1 or boxes of their own for every class; cut "
            "the net off before this layer"
        )
    own = _slice(parts, parts.op("Squeeze", boxes, parts.integers([2])), 0, image)  # (1, boxes, 4)
    by_class = parts.op("Transpose", _slice(parts, scores, 0, image), perm=[0, 2, 1])  # (1, classes, boxes)
    chosen = parts.op(
        "NonMaxSuppression",
        own,
        _candidates(parts, _without_background(parts, by_class, settings), settings),
        parts.integers([settings.boxes]),
        parts.stored("overlap", np.array([settings.overlap], np.float32)),
        parts.stored("threshold", np.array([_lowest(settings)], np.float32)),
    )
    place = _slice(parts, chosen, 1, 2)  # (rows, 1)
    label = _labels(parts, _slice(parts, chosen, 1, 1), settings)
    rows = parts.op(
        "Concat",
        _floats(parts, parts.op("Mul", label, parts.integer(0))),
        _floats(parts, label),
        parts.op("Unsqueeze", _score(parts, by_class, label, place), parts.integers([1])),
        parts.op("GatherND", parts.op("Squeeze", own, parts.integers([0])), place),
        axis=1,
    )
    if image:
        number = np.array([[image, 0, 0, 0, 0, 0, 0]], np.float32)
        rows = parts.op("Add", rows, parts.stored(f"image{image}", number))
    return rows if settings.most is None else _best(parts, rows, settings.most)


def _lowest(settings: Detection) -> float:
    return settings.threshold if settings.threshold is not None else float(np.finfo(np.float32).min)


def _slice(parts: GraphParts, x: str, axis: int, place: int) -> str:
    return parts.op("Slice", x, parts.integers([place]), parts.integers([place + 1]), parts.integers([axis]))


def _floats(parts: GraphParts, x: str) -> str:
    return parts.op("Cast", x, to=TensorProto.FLOAT)


def _without_background(parts: GraphParts, by_class: str, settings: Detection) -> str:
    """(1, classes, boxes) → without the background."""
    kept = [label for label in range(settings.classes) if label != settings.background]
    return parts.op("Gather", by_class, parts.integers(kept), axis=1)


def _candidates(parts: GraphParts, scores: str, settings: Detection) -> str:
    """Scores with all but the best of every class so low that none of them is taken."""
    if settings.candidates is None or settings.candidates >= settings.boxes:
        return scores
    best = parts.node("TopK", [scores, parts.integers([settings.candidates])], 2, axis=2)[0]
    last = parts.op("Slice", best, parts.integers([-1]), parts.integers([2**31]), parts.integers([2]))
    among = parts.op("GreaterOrEqual", scores, last)
    return parts.op("Where", among, scores, parts.number(_lowest(settings)))


def _labels(parts: GraphParts, index: str, settings: Detection) -> str:
    """Numbers among the classes that are not the background → labels."""
    if not 0 <= settings.background < settings.classes:
        return index
    behind = parts.op("GreaterOrEqual", index, parts.integer(settings.background))
    return parts.op("Add", index, parts.op("Cast", behind, to=TensorProto.INT64))


def _score(parts: GraphParts, by_class: str, label: str, place: str) -> str:
    """(rows,) scores of labels and boxes."""
    both = parts.op("Concat", label, place, axis=1)
    return parts.op("GatherND", parts.op("Squeeze", by_class, parts.integers([0])), both)


def _best(parts: GraphParts, rows: str, most: int) -> str:
    """The rows of the highest scores, in the order in which they were."""
    count = parts.op("Min", parts.op("Shape", rows, start=0, end=1), parts.integers([most]))
    scores = parts.op("Squeeze", _slice(parts, rows, 1, 2), parts.integers([1]))
    _, places = parts.node("TopK", [scores, count], 2, axis=0)
    ordered, _ = parts.node("TopK", [places, count], 2, axis=0, largest=0)
    return parts.op("Gather", rows, ordered, axis=0)
