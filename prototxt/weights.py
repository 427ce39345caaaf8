"""Weights: ``.caffemodel`` and ``.caffemodel.h5``."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from prototxt import atomic
from prototxt.blob import to_array, to_proto
from prototxt.schema import NetParameter

Weights = dict[str, list[np.ndarray]]


def read_weights(path: Path | str) -> Weights:
    """Blobs of every layer that has any, float32, in file order."""
    net = NetParameter.FromString(Path(path).read_bytes())
    return {layer.name: [to_array(blob) for blob in layer.blobs] for layer in net.layer if layer.blobs}


def write_weights(path: Path | str, net: NetParameter, weights: Weights) -> None:
    """Write a net with its weights to ``path``, whole or not at all."""
    model = NetParameter()
    model.CopyFrom(net)
    for layer in model.layer:
        layer.ClearField("blobs")
        layer.blobs.extend(to_proto(array) for array in weights.get(layer.name, []))
    atomic.write_bytes(path, model.SerializeToString())


def weights_hash(weights: Weights) -> str:
    """SHA-256 (hex) over layer name, blob shape and little-endian float32 data, layers in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        for array in weights[name]:
            digest.update(f"{name}\0{','.join(map(str, array.shape))}\0".encode())
            digest.update(np.ascontiguousarray(array, "<f4").data)
    return digest.hexdigest()
