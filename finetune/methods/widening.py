"""New filters beside the frozen ones for the new task, and a hidden layer with as many parameters as the control."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, get_args

from entropy.measuring.measures import MeasureName
from entropy.surgery.choosing import choose_filters, filter_counts
from entropy.surgery.extended import Extended, OldNet
from entropy.surgery.widening import widen
from finetune.errors import ExperimentError
from finetune.methods.parts.grids import BASE_LR
from finetune.methods.parts.hidden import with_hidden
from finetune.methods.parts.start import blobs_of_head, old_net, prepare, task_head, trunk_of
from finetune.methods.registry import method
from finetune.training.prepared import Prepared, Setting

InitName = Literal["fresh", "lowest-h", "highest-taylor", "random"]
"""What new filters start as: their layer's filler, or copies of old ones, chosen by a measure."""

Filters = Mapping[str, int | float]
"""Layer to a number of new filters, or to a share of those it has."""

_BY: dict[str, tuple[MeasureName, bool]] = {
    "lowest-h": ("entropy", False),
    "highest-taylor": ("taylor", True),
    "random": ("random", False),
}
_LAST, _BEFORE = 165 / 256, 64 / 256  # of AlexNet's conv5, as many as M2 frees there, and of conv4


@method(
    "widen",
    "own filters in the last two layers, wide head",
    "after progressive networks (Rusu et al. 2016, arXiv)",
    BASE_LR,
    filters=None,
    layers=2,
    init="fresh",
)
@method("own-conv5", "own filters in the last layer, wide head", "ours", BASE_LR, filters=None, layers=1, init="fresh")
def prepare_widened(setting: Setting, filters: Filters | None, layers: int, init: InitName) -> Prepared:
    """Train new filters beside the frozen ones; they read old and new ones, and no old filter reads them.

    The head reads the old last maps, the new ones, and what the old classifier reads. Nothing is forgotten.

    Parameters
    ----------
    filters : layer to a number of filters or a share of those it has. None: 64 % of the last convolution's (165 of
        AlexNet's conv5), and with ``layers`` of 2, 25 % of the one before too (64 of conv4).
    layers : see ``filters``.
    init : ``fresh``, or copies of the filters with the lowest H, the highest Taylor importance, or random ones.

    Raises
    ------
    ExperimentError : an unknown ``init``, or ``layers`` is neither 1 nor 2.
    """
    return prepare(_widened(setting, filters, layers, init))


@method(
    "wide-head-hidden",
    "frozen, wide head with a hidden layer",
    "ours, control of equal parameters",
    BASE_LR,
    filters=None,
    layers=1,
)
def prepare_hidden(setting: Setting, filters: Filters | None, layers: int) -> Prepared:
    """Train a wide head with a hidden layer that has as many parameters as new filters would have.

    The hidden layer reads what a wide head reads; the head reads both. So it is what own filters are compared with: as
    many new parameters, on the same frozen net, without new filters.

    Parameters
    ----------
    filters, layers : as for ``own-conv5`` and ``widen``, whose parameters are counted.
    """
    wanted = _widened(setting, filters, layers, "fresh").parameters_added
    old = old_net(setting)
    blobs, classes = blobs_of_head(old, "wide"), len(setting.target.classes)
    inputs = sum(_length(old, blob) for blob in blobs)
    # inputs · units + units for the layer, (inputs + units) · classes + classes for the head
    units = max(1, round((wanted - (inputs + 1) * classes) / (inputs + 1 + classes)))
    made = with_hidden(setting, old, blobs, units, blobs)
    note = f"a hidden layer of {units} units: {made.parameters_added} new parameters, own filters have {wanted}"
    return prepare(made, notes=[note])


def _widened(setting: Setting, filters: Filters | None, layers: int, init: InitName) -> Extended:
    if init not in get_args(InitName):
        raise ExperimentError(f"new filters cannot start as {init!r}; use one of {', '.join(get_args(InitName))}")
    old, model = old_net(setting), setting.model
    wanted = filters if filters is not None else _last_layers(old, layers)
    copies = None
    if init in _BY:
        by, highest = _BY[init]
        counts = filter_counts(old.graph, wanted)
        copies = choose_filters(setting.measure("default"), counts, by, highest=highest, seed=setting.seed)
    head = task_head(setting, blobs_of_head(old, "wide"))
    return widen(model.net, model.weights, wanted, head, copies=copies, suffix=setting.suffix, seed=setting.seed)


def _last_layers(old: OldNet, layers: int) -> dict[str, float]:
    convolutions = trunk_of(old).convolutions
    if layers not in (1, 2) or len(convolutions) < layers:
        raise ExperimentError(
            f"without filters, 1 or 2 of the net's {len(convolutions)} convolutions can be widened; got {layers}"
        )
    return dict(zip(reversed(convolutions), (_LAST, _BEFORE)[:layers], strict=False))


def _length(old: OldNet, blob: str) -> int:
    """Numbers that a blob has for an image."""
    return math.prod(old.shapes.blob(blob)[1:])
