"""Adapters: the new task scales and shifts the outputs of frozen filters, on a path of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from entropy.errors import SurgeryError
from entropy.surgery.extended import Additions, Extended, extend, open_old
from entropy.surgery.heads import TaskHead, place_head
from entropy.surgery.paths import Inserted, PathCopier, closed, leading_to
from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.formats.weights import Weights
from prototxt.net.build import layer as make_layer
from prototxt.net.layer_types import UNIT_TYPES
from prototxt.split.layouts import filter_axis, unit_count


def add_adapters(
    net: NetParameter,
    weights: Weights,
    layers: Sequence[str],
    head: TaskHead,
    *,
    suffix: str = "_new",
    seed: int = 0,
) -> Extended:
    """Give the new task a factor and an offset for every filter of some layers; the filters themselves stay frozen.

    Behind each of the layers stands, for the new task only, a Scale layer that starts with 1 and 0. From the first one
    on the new task has a path of its own to its head: every layer is there a second time and shares the old one's
    parameters (``param { name }``), so that nothing is stored or learnt twice. Where a layer's output is overwritten in
    place, as by a ReLU, this holds for the layer itself too, since nobody else can read that output. A forward pass
    computes these layers twice.

    Parameters
    ----------
    net, weights : the old deploy net.
    layers : names of Convolution, Deconvolution or InnerProduct layers.
    head : ``head.on`` names old blobs; of those on the new task's path it reads the new task's.
    suffix : ``conv1_adapter_new`` is the Scale layer behind ``conv1``, ``conv2_new`` the second conv2.
    seed : of the head's initial weights.

    Returns
    -------
    Extended : without the head it computes for the new task what it does for the old one, until it is trained. Factors
    and offsets do not decay: 0 is no better a factor than 1.

    Raises
    ------
    SurgeryError : a layer has no filters, or does not lead to the head; a name is taken.
    NetError : there is no such layer, or the weights are not the net's.
    """
    old, added = open_old(net, weights), Additions()
    nodes, path = leading_to(old, layers, head)
    inserted: dict[str, Inserted] = {}
    for node in nodes:
        if node.type not in UNIT_TYPES or len(node.tops) != 1:
            raise SurgeryError(f"{node}: has no filters with one top; adapters stand behind {', '.join(UNIT_TYPES)}")
        name = f"{node.name}_adapter{suffix}"
        inserted[node.name] = _scale(name, filter_axis(node.layer))
        units = unit_count(node.layer)
        added.weights[name] = [np.ones(units, np.float32), np.zeros(units, np.float32)]
    blobs = PathCopier(old, added, suffix).copy(closed(old.graph, path), inserted)
    output = place_head(old, added, head, blobs)
    return extend(old, added, output, seed)


def _scale(name: str, axis: int) -> Inserted:
    def make(bottom: str, top: str) -> LayerParameter:
        still = {"lr_mult": 1, "decay_mult": 0}
        param = {"axis": axis, "bias_term": True, "filler": {"value": 1}}
        return make_layer("Scale", name, bottom, top, param=[still, still], scale_param=param)

    return make
