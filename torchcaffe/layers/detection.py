"""PriorBox and DetectionOutput of SSD (Liu et al. 2016), after ``prior_box_layer.cpp`` and ``bbox_util.cpp``.

Sizes in pixels are floating-point numbers, as in OpenCV 4 (SSD's own code rounds them down).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from prototxt.formats.schema import PriorBoxParameter
from prototxt.net.graph import Node
from prototxt.net.shape_rules.extensions import aspect_ratios
from torchcaffe.layer import Layer, Shape
from torchcaffe.layers.extensions import node_of
from torchcaffe.registry import layer


def prior_boxes(node: Node, map_size: tuple[int, int], picture_size: tuple[int, int]) -> np.ndarray:
    """The boxes of a PriorBox layer, position by position.

    Parameters
    ----------
    map_size, picture_size : (height, width) of the two bottoms.

    Returns
    -------
    (1, 2, 4 · boxes) float32: corners x1, y1, x2, y2 as parts of the picture, and their variances.
    """
    param = node.layer.prior_box_param
    picture = _pair(param, "img_size", "img_h", "img_w") or picture_size
    steps = _pair(param, "step", "step_h", "step_w") or tuple(p / m for p, m in zip(picture, map_size, strict=True))
    rows, columns = ((np.arange(n) + param.offset) * step for n, step in zip(map_size, steps, strict=True))
    sizes = np.array(_box_sizes(node))  # (boxes, 2): width, height
    centres = np.stack(np.meshgrid(columns, rows), -1)[:, :, None]  # (height, width, 1, 2): x, y
    corners = np.concatenate([centres - sizes / 2, centres + sizes / 2], -1) / np.tile(picture[::-1], 2)
    corners = corners.clip(0, 1) if param.clip else corners
    variance = list(param.variance) or [0.1]
    variances = np.broadcast_to(variance * 4 if len(variance) == 1 else variance, corners.shape)
    return np.stack([corners.reshape(-1), variances.reshape(-1)])[None].astype(np.float32)


def _box_sizes(node: Node) -> list[tuple[float, float]]:
    """(Width, height) of the boxes at one position, in pixels."""
    param = node.layer.prior_box_param
    sizes = []
    for place, small in enumerate(param.min_size):
        sizes.append((small, small))
        if param.max_size:
            middle = math.sqrt(small * param.max_size[place])
            sizes.append((middle, middle))
        roots = [math.sqrt(ratio) for ratio in aspect_ratios(node)[1:]]
        sizes += [(small * root, small / root) for root in roots]
    return sizes


def _pair(param: PriorBoxParameter, both: str, height: str, width: str) -> tuple[float, float] | None:
    if param.HasField(both):
        return getattr(param, both), getattr(param, both)
    return (getattr(param, height), getattr(param, width)) if param.HasField(height) else None


@layer("PriorBox")
class PriorBox(Layer):
    """Boxes of some sizes and aspect ratios around every position of a map; no gradient."""

    bottoms = (2, 2)
    differentiable = ()

    def forward(self, maps: Tensor, picture: Tensor) -> tuple[Tensor, ...]:
        """Two maps, whose sizes count → (1, 2, 4 · boxes)."""
        sizes = [(each.shape[2], each.shape[3]) for each in (maps, picture)]
        boxes = prior_boxes(node_of(self), *sizes)
        return (torch.from_numpy(boxes).to(maps),)


@layer("DetectionOutput")
class DetectionOutput(Layer):
    """Boxes from their positions relative to prior boxes, the best of each class without those that overlap them.

    A row is (image, label, score, x1, y1, x2, y2); images in order, in each the labels in order, the best score first.
    (OpenCV 4 gives the same rows, in each image by score alone.) Where nothing is found there are no rows. No gradient.
    """

    bottoms = (3, 3)
    differentiable = ()

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``detection_output_param``."""
        self.settings = self.param.detection_output_param

    def forward(self, positions: Tensor, scores: Tensor, priors: Tensor) -> tuple[Tensor, ...]:
        """(N, boxes · 4), or so for every class, (N, boxes · classes), (1, 2, boxes · 4) → (1, 1, rows, 7)."""
        settings, batch = self.settings, len(positions)
        locations = 1 if settings.share_location else settings.num_classes
        boxes = decode_boxes(
            positions.reshape(batch, -1, locations, 4),
            priors.reshape(2, -1, 1, 4),
            PriorBoxParameter.CodeType.Name(settings.code_type),
            settings.variance_encoded_in_target,
        )
        by_class = scores.reshape(batch, -1, settings.num_classes)
        rows = [self._detect(image, boxes[image], by_class[image]) for image in range(batch)]
        return (torch.cat(rows).view(1, 1, -1, 7),)

    def _detect(self, image: int, boxes: Tensor, scores: Tensor) -> Tensor:
        """(boxes, 1 or classes, 4) and (boxes, classes) → (rows, 7)."""
        settings = self.settings
        found = []
        for label in range(settings.num_classes):
            if label == settings.background_label_id:
                continue
            own = boxes[:, 0 if settings.share_location else label]
            kept = self._suppress(own, scores[:, label])
            head = scores.new_tensor([image, label]).expand(len(kept), 2)
            found.append(torch.cat([head, scores[kept, label, None], own[kept]], 1))
        rows = torch.cat(found) if found else scores.new_zeros(0, 7)
        if -1 < settings.keep_top_k < len(rows):
            best = rows[:, 2].sort(descending=True, stable=True).indices[: settings.keep_top_k]
            rows = rows[best.sort().values]
        return rows

    def _suppress(self, boxes: Tensor, scores: Tensor) -> Tensor:
        """Places of the boxes that stay, the best first."""
        param = self.settings.nms_param
        order = scores.sort(descending=True, stable=True).indices
        if self.settings.HasField("confidence_threshold"):
            order = order[scores[order] > self.settings.confidence_threshold]
        if param.HasField("top_k") and param.top_k > -1:
            order = order[: param.top_k]
        threshold = param.nms_threshold
        kept: list[int] = []
        overlaps = overlap(boxes[order], boxes[order])
        for place in range(len(order)):
            if all(overlaps[place, other] <= threshold for other in kept):
                kept.append(place)
                if param.eta < 1 and threshold > 0.5:
                    threshold *= param.eta
        return order[kept]


def decode_boxes(positions: Tensor, priors: Tensor, code: str, encoded: bool) -> Tensor:
    """Corners of boxes.

    Parameters
    ----------
    positions : (N, boxes, locations, 4), relative to the prior boxes.
    priors : (2, boxes, 1, 4), corners and variances.
    code : what positions are: "CORNER" and "CORNER_SIZE" for shifts of the corners (the latter in sizes of the box),
        "CENTER_SIZE" for a shift of the centre and the logarithm of a factor on the size.
    encoded : the variances are in the positions already.
    """
    corners, variances = priors
    shifts = positions if encoded else positions * variances
    size = corners[..., 2:] - corners[..., :2]
    if code == "CORNER":
        return corners + shifts
    if code == "CORNER_SIZE":
        return corners + shifts * size.repeat(1, 1, 2)
    centre = (corners[..., :2] + corners[..., 2:]) / 2 + shifts[..., :2] * size
    half = shifts[..., 2:].exp() * size / 2
    return torch.cat([centre - half, centre + half], -1)


def overlap(a: Tensor, b: Tensor) -> Tensor:
    """Area of the intersection by that of the union (Jaccard): (M, 4), (N, 4) corners → (M, N); 0 if both are 0."""
    low = torch.maximum(a[:, None, :2], b[None, :, :2])
    high = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    both = (high - low).clamp(min=0).prod(-1)
    areas_a, areas_b = ((each[:, 2:] - each[:, :2]).clamp(min=0).prod(-1) for each in (a, b))
    union = areas_a[:, None] + areas_b[None] - both
    return torch.where(union > 0, both / union, 0.0)
