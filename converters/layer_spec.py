"""The neutral graph between PyTorch and Caffe: plain records that know neither torch nor protobuf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Blob:
    """A value that a Caffe layer writes.

    Parameters
    ----------
    name : the blob's name in single-assignment form: exactly one layer writes it.
    shape : extents, the batch first.
    """

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class LayerSpec:
    """One Caffe layer.

    Parameters
    ----------
    name : unique in the net.
    type : Caffe's type string, of stock tag 1.0.
    bottoms, tops : names of the blobs that it reads and writes.
    fields : its parameter messages as nested dictionaries, e.g. ``{"pooling_param": {"pool": "MAX"}}``.
    blobs : its float32 weights, in Caffe's order and layout.
    shares : a name for each blob that several layers share, empty where it is the layer's own.
    frozen : for each blob, whether no solver may move it: it is arithmetic, or was not learned in PyTorch either;
        empty where all are learned.
    place : module path in the PyTorch model, "" for the model itself.
    propagates : False for a layer whose bottoms shall get no gradient from it.
    """

    name: str
    type: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    fields: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    blobs: tuple[np.ndarray, ...] = ()
    shares: tuple[str, ...] = ()
    frozen: tuple[bool, ...] = ()
    place: str = ""
    propagates: bool = True


@dataclass(frozen=True)
class Reference:
    """Which value of the PyTorch graph a layer's top must equal.

    Parameters
    ----------
    layer : name of the Caffe layer.
    top : index among the layer's tops.
    node : name of the node of the captured PyTorch graph.
    part : index into the node's results where it has several, else None.
    """

    layer: str
    top: int
    node: str
    part: int | None = None
