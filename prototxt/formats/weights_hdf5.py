"""``.caffemodel.h5``: ``/data/<layer>/<index>`` holds each blob; a shared parameter lies with its owner only.

Source: Net::ToHDF5 and Net::CopyTrainedLayersFromHDF5 in Caffe's ``net.cpp``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from prototxt.common.errors import FormatError
from prototxt.formats.file_kinds import is_hdf5
from prototxt.formats.parameter_blobs import parameter_count
from prototxt.formats.schema import NetParameter


def read_hdf5(path: Path | str, net: NetParameter | None = None) -> dict[str, list[np.ndarray]]:
    """Read the blobs of all layers, float32, layers in the order of their names (the file keeps no other).

    Parameters
    ----------
    path : the file. A '/' in a layer's name nests groups.
    net : fills in the parameters that layers share, which the file has once.

    Raises
    ------
    FormatError : if the file is missing, truncated, holds no ``/data``, or lacks a blob that no layer shares.
    """
    if not is_hdf5(path, "a .caffemodel.h5"):
        raise FormatError(f"{path}: is not HDF5; a .caffemodel.h5 file is expected here")
    try:
        with h5py.File(path, "r") as file:
            if not isinstance(file.get("data"), h5py.Group):
                raise FormatError(
                    f"{path}: has no group /data, so it is no .caffemodel.h5; give the file of a snapshot"
                )
            found = {
                name: {int(key): np.asarray(group[key], np.float32) for key in keys}
                for name, group, keys in _layer_groups(file["data"], "")
            }
    except FormatError:
        raise
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        raise FormatError(f"{path}: is truncated or damaged HDF5 ({error}); copy or make it again") from None
    if net is not None:
        _fill_shared(found, net)
    return {name: _in_order(name, blobs, path) for name, blobs in found.items() if blobs}


def write_hdf5(path: Path, net: NetParameter, weights: Mapping[str, Sequence[np.ndarray]]) -> None:
    """Write all layers' blobs, floats of any shape, a shared one with its owner only; ``path`` is written in place.

    Layers that should have blobs (`parameter_count`), but have none in ``weights``, are left out.
    """
    owners = shared_owners(net)
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        kept = (layer.name for layer in net.layer if weights.get(layer.name) or not parameter_count(layer))
        for name in dict.fromkeys(kept):
            group = data.require_group(name)
            for index, array in enumerate(weights.get(name, [])):
                if owners.get((name, index), (name, index)) == (name, index):
                    group.create_dataset(str(index), data=np.asarray(array, "<f4"))


def shared_owners(net: NetParameter) -> dict[tuple[str, int], tuple[str, int]]:
    """Map every named parameter, as (layer, index), to the one that owns it: the first of that name."""
    owners: dict[str, tuple[str, int]] = {}
    return {
        (layer.name, index): owners.setdefault(spec.name, (layer.name, index))
        for layer in net.layer
        for index, spec in enumerate(layer.param)
        if spec.name
    }


def _layer_groups(group: h5py.Group, name: str) -> Iterator[tuple[str, h5py.Group, list[str]]]:
    keys = [key for key, item in group.items() if isinstance(item, h5py.Dataset) and key.isdecimal()]
    if keys:
        yield name, group, keys
    for key, item in group.items():
        if isinstance(item, h5py.Group):
            yield from _layer_groups(item, f"{name}/{key}" if name else key)


def _fill_shared(found: dict[str, dict[int, np.ndarray]], net: NetParameter) -> None:
    for (layer, index), (owner, owner_index) in shared_owners(net).items():
        if index not in found.get(layer, {}) and owner_index in found.get(owner, {}):
            found.setdefault(layer, {})[index] = found[owner][owner_index]


def _in_order(name: str, blobs: dict[int, np.ndarray], path: Path | str) -> list[np.ndarray]:
    if sorted(blobs) != list(range(len(blobs))):
        missing = min(set(range(max(blobs))) - set(blobs))
        raise FormatError(
            f"{path}: layer '{name}' has no blob {missing}: it shares that parameter; read the file with its net"
        )
    return [blobs[index] for index in range(len(blobs))]
