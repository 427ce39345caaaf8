"""Weights of a net: ``.caffemodel`` (protobuf) here, ``.caffemodel.h5`` in `prototxt.formats.weights_hdf5`.

Source: Net::ToProto and Net::CopyTrainedLayersFrom in Caffe's ``net.cpp``; the limit of a file in ``io.cpp``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from prototxt.common import atomic
from prototxt.common.errors import FormatError, NetError
from prototxt.formats import file_kinds, wire
from prototxt.formats.blob import blob_at, encode_blob
from prototxt.formats.extensions import with_our_numbers
from prototxt.formats.file_kinds import is_hdf5, open_binary, refuse_large
from prototxt.formats.parameter_blobs import parameter_count
from prototxt.formats.schema import LayerParameter, NetParameter, V0LayerParameter, V1LayerParameter
from prototxt.formats.upgrade import upgrade_net
from prototxt.formats.weights_hdf5 import read_hdf5, write_hdf5

Weights = dict[str, list[np.ndarray]]

_LAYER, _V1_LAYER = NetParameter.LAYER_FIELD_NUMBER, NetParameter.LAYERS_FIELD_NUMBER
_BLOBS = LayerParameter.BLOBS_FIELD_NUMBER
_BLOBS_IN = {_LAYER: _BLOBS, _V1_LAYER: V1LayerParameter.BLOBS_FIELD_NUMBER}
_V0_IN_V1, _V0_BLOBS = V1LayerParameter.LAYER_FIELD_NUMBER, V0LayerParameter.BLOBS_FIELD_NUMBER


def read_weights(path: Path | str, net: NetParameter | None = None) -> Weights:
    """Read the blobs of every layer that has any, float32, in file order and file shape.

    Parameters
    ----------
    path : a ``.caffemodel`` of any age (V0, V1 or new layers) or a ``.caffemodel.h5``; told apart by content.
    net : the net that the weights are for. Only a ``.caffemodel.h5`` whose layers share parameters needs it, because
        Caffe stores those once, with the layer that owns them.

    Raises
    ------
    FormatError : if the file is missing, truncated, larger than Caffe can read, or no caffemodel.
    """
    if is_hdf5(path, "a .caffemodel"):
        return read_hdf5(path, net)
    return read_model(path)[1]


def read_model(path: Path | str) -> tuple[NetParameter, Weights]:
    """Read a ``.caffemodel``: the net that it carries (upgraded, without blobs) and its weights.

    Of several layers of one name the last with blobs counts, as it does when Caffe copies them into a net.

    Raises
    ------
    FormatError : as `read_weights`.
    """
    data = open_binary(path, "a .caffemodel")
    refuse_large(path, len(data))
    try:
        net, blobs = _walk_net(data)
    except wire.WireError as error:
        raise FormatError(f"{path}: is truncated or no caffemodel ({error}); copy or make it again") from None
    if not net.layer and not net.layers:
        raise FormatError(f"{path}: holds no layer, so it is no caffemodel; give the file that training wrote")
    names = [layer.name for layer in net.layer] or [layer.layer.name or layer.name for layer in net.layers]
    weights = {name: arrays for name, arrays in zip(names, blobs, strict=True) if arrays}
    return upgrade_net(net, str(path)), weights


def write_weights(path: Path | str, net: NetParameter, weights: Weights) -> None:
    """Write a net with its weights, whole or not at all, as ``Net::ToProto`` (or ``ToHDF5``) does.

    The file carries the net's name and every layer as the net has it, its blobs included. A layer that should have
    weights (`parameter_count`) but is not in ``weights`` is left out, so that Caffe fills it afresh when it loads the
    file; layers that share a parameter by name get the owner's.

    Parameters
    ----------
    path : ``….caffemodel``, or ``….h5`` for HDF5 (no limit of size).
    net : in the newest form, filtered to a phase or not.
    weights : arrays of any float type by layer name.

    Raises
    ------
    NetError : if ``weights`` names a layer that the net does not have.
    FormatError : if a ``.caffemodel`` would pass 2 GiB, which Caffe cannot read, or the place cannot be written to.
    """
    missing = weights.keys() - {layer.name for layer in net.layer}
    if missing:
        raise NetError(f"{path}: there are weights for {', '.join(sorted(missing))}, which the net does not have")
    weights = share(net, weights)
    if Path(path).suffix == ".h5":
        with atomic.atomic_path(path) as temporary:
            write_hdf5(temporary, net, weights)
        return
    layers = list(_encoded_layers(net, weights))
    refuse_large(path, sum(layer.size for layer in layers))
    with atomic.atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(NetParameter(name=net.name).SerializeToString() if net.name else b"")
        for layer in layers:
            layer.write(file)


def fits_caffemodel(net: NetParameter, weights: Weights) -> bool:
    """Whether a ``.caffemodel`` of these weights stays below the 2 GiB that Caffe reads of one file."""
    return sum(layer.size for layer in _encoded_layers(net, weights)) <= file_kinds.FILE_LIMIT


def names_and_types(net: NetParameter) -> NetParameter:
    """A net with nothing but the names and types of its layers: what every reader of a ``.caffemodel`` needs.

    The numbers of other fields mean different things in different branches of Caffe; a prototxt, which is text, has
    them by name.
    """
    bare = NetParameter(name=net.name)
    for layer in net.layer:
        bare.layer.add(name=layer.name, type=layer.type)
    return bare


def weights_hash(weights: Weights) -> str:
    """SHA-256 (hex) over layer name, blob shape and little-endian float32 data.

    Layers go in the order of their names, not of the file, so that a ``.caffemodel`` and a ``.caffemodel.h5`` (which
    keeps no order) of the same weights have the same hash.
    """
    digest = hashlib.sha256()
    for name in sorted(weights):
        for array in weights[name]:
            digest.update(f"{name}\0{','.join(map(str, array.shape))}\0".encode())
            digest.update(np.ascontiguousarray(array, "<f4").reshape(array.shape).data)
    return digest.hexdigest()


def share(net: NetParameter, weights: Weights) -> Weights:
    """Give layers that share parameters by name the owner's arrays where they lack their own."""
    owners: dict[str, np.ndarray] = {}
    shared = dict(weights)
    for layer in net.layer:
        arrays = shared.get(layer.name, [])
        for index, spec in enumerate(layer.param):
            if spec.name and index < len(arrays):
                owners.setdefault(spec.name, arrays[index])
        names = [spec.name for spec in layer.param]
        if not arrays and names and all(name in owners for name in names):
            shared[layer.name] = [owners[name] for name in names]
    return shared


def _walk_net(data: memoryview) -> tuple[NetParameter, list[list[np.ndarray]]]:
    header, blobs = bytearray(), []
    for field in wire.fields(data, 0, len(data)):
        if field.number in _BLOBS_IN and field.kind == wire.LEN:
            rest, arrays = _walk_layer(data, field, _BLOBS_IN[field.number])
            header += wire.delimited(field.number, with_our_numbers(rest) if field.number == _LAYER else rest)
            blobs.append(arrays)
        else:
            header += data[field.tag : field.stop]
    return wire.decode(NetParameter, bytes(header)), blobs


def _walk_layer(data: memoryview, layer: wire.Field, number_of_blobs: int) -> tuple[bytes, list[np.ndarray]]:
    """Cut a layer into its bytes without blobs, and the blobs as arrays."""
    rest, arrays = bytearray(), []
    for field in wire.fields(data, layer.start, layer.stop):
        if field.number == number_of_blobs and field.kind == wire.LEN:
            arrays.append(blob_at(data, field.start, field.stop))
        elif layer.number == _V1_LAYER and field.number == _V0_IN_V1 and field.kind == wire.LEN:
            inner, inner_arrays = _walk_layer(data, field, _V0_BLOBS)
            rest += wire.delimited(_V0_IN_V1, inner)
            arrays += inner_arrays
        else:
            rest += data[field.tag : field.stop]
    return bytes(rest), arrays


@dataclass
class _EncodedLayer:
    """A layer as bytes before its blobs, the blobs, and bytes after them: the order of the field numbers."""

    before: bytes
    arrays: list[np.ndarray]
    after: bytes

    @property
    def size(self) -> int:
        blobs = sum(sum(map(len, encode_blob(_BLOBS, array))) + array.nbytes for array in self.arrays)
        return len(self.before) + blobs + len(self.after)

    def write(self, file: BinaryIO) -> None:
        file.write(wire.tag(_LAYER, wire.LEN) + wire.varint(self.size) + self.before)
        for array in self.arrays:
            before, after = encode_blob(_BLOBS, array)
            file.write(before)
            file.write(array.data)
            file.write(after)
        file.write(self.after)


def _encoded_layers(net: NetParameter, weights: Weights) -> Iterator[_EncodedLayer]:
    types: dict[str, str] = {}
    for layer in net.layer:
        first_type = types.setdefault(layer.name, layer.type)
        arrays = weights.get(layer.name, []) if layer.type == first_type else []
        if arrays or not parameter_count(layer):  # one that Caffe expects more blobs of makes it abort
            before, after = _around_blobs(layer)
            yield _EncodedLayer(before, [np.asarray(array, "<f4", order="C") for array in arrays], after)


def _around_blobs(layer: LayerParameter) -> tuple[bytes, bytes]:
    data = layer.SerializeToString(deterministic=True)
    parts = {False: bytearray(), True: bytearray()}
    for field in wire.fields(memoryview(data), 0, len(data)):
        if field.number != _BLOBS:
            parts[field.number > _BLOBS] += data[field.tag : field.stop]
    return bytes(parts[False]), bytes(parts[True])
