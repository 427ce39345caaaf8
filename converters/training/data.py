"""The layers that feed a training net: pictures of a list or an LMDB, or finished arrays in HDF5."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from prototxt.formats.schema import LayerParameter
from prototxt.net.build import layer
from prototxt.pixels.field_types import PreprocessingError
from prototxt.pixels.preprocess import Preprocessing
from prototxt.pixels.training_input import TrainingInput, training_input

LABEL = "label"


@dataclass(frozen=True)
class TrainingData:
    """What a net learns from, and how.

    Parameters
    ----------
    train, val : a list of "path label" lines, a folder with an LMDB, or a list of HDF5 files with the datasets
        ``data`` and ``label`` (a name that ends in ``.h5.txt``, or what no picture can be made of).
    batch : pictures of a step.
    frozen_batch_norm : normalise by the running statistics, as in inference, and leave them alone.
    """

    train: str = "train.txt"
    val: str = "val.txt"
    batch: int = 32
    frozen_batch_norm: bool = False

    def count(self) -> int | None:
        """How many pictures the list for testing has; None where it is no list that is there."""
        path = Path(self.val)
        return sum(1 for line in path.read_text().splitlines() if line.strip()) if path.is_file() else None


@dataclass(frozen=True)
class DataLayers:
    """What turns the data into the net's input blob.

    Parameters
    ----------
    layers : data layers of both phases, then what is left of the preprocessing.
    notes : what they do differently from the preprocessing, a sentence each.
    """

    layers: list[LayerParameter]
    notes: list[str]


def data_layers(data: TrainingData, top: str, preprocessing: Preprocessing | None) -> DataLayers:
    """Make the layers that feed the blob ``top``.

    Parameters
    ----------
    preprocessing : of the net; None where the data are finished arrays.
    """
    if preprocessing is None:
        return DataLayers([_hdf5(data.train, data, top, "TRAIN"), _hdf5(data.val, data, top, "TEST")], [])
    try:
        entry = training_input(preprocessing, f"{top}_pixels", top, f"{top}_normalised")
    except PreprocessingError as error:
        note = f"the net is fed finished arrays from HDF5, since {str(error).removeprefix('preprocessing: ')}"
        return DataLayers(data_layers(data, top, None).layers, [note])
    blob = f"{top}_pixels" if entry.front_layer is not None else top
    layers = [
        READERS[Path(source).is_dir()](source, data, blob, phase, entry)
        for source, phase in ((data.train, "TRAIN"), (data.val, "TEST"))
    ]
    if entry.front_weights:
        layers += _normalising(blob, top, entry.front_weights[0])
    return DataLayers(layers, _notes(preprocessing, entry))


def _image_data(source: str, data: TrainingData, top: str, phase: str, entry: TrainingInput) -> LayerParameter:
    fields: dict[str, Any] = {"source": source, "batch_size": data.batch, **entry.image_data_param}
    if entry.resize_before is not None:
        fields |= {"new_height": entry.resize_before, "new_width": entry.resize_before}
    if phase == "TRAIN":
        fields["shuffle"] = True
    return _reader("ImageData", top, phase, image_data_param=fields, transform_param=entry.transform_param)


def _database(source: str, data: TrainingData, top: str, phase: str, entry: TrainingInput) -> LayerParameter:
    fields = {"source": source, "batch_size": data.batch, "backend": "LMDB"}
    return _reader("Data", top, phase, data_param=fields, transform_param=entry.transform_param)


READERS: dict[bool, Callable[[str, TrainingData, str, str, TrainingInput], LayerParameter]] = {
    False: _image_data,
    True: _database,
}
"""What reads pictures, by whether their source is a folder."""


def _hdf5(source: str, data: TrainingData, top: str, phase: str) -> LayerParameter:
    return _reader("HDF5Data", top, phase, hdf5_data_param={"source": source, "batch_size": data.batch})


def _reader(type: str, top: str, phase: str, **fields: Any) -> LayerParameter:
    return layer(type, top, tops=[top, LABEL], include=[{"phase": phase}], **fields)


def _normalising(bottom: str, top: str, matrix: np.ndarray) -> list[LayerParameter]:
    """Slice, a Power for every channel, and Concat: they need no weights, which a caffemodel might not have.

    Parameters
    ----------
    matrix : (C, C, 1, 1), which channel of the pixels each channel of the blob shows, and by what it is multiplied.
    """
    factors = matrix[:, :, 0, 0]
    if len(factors) == 1:
        return [layer("Power", top, bottom, power_param={"scale": float(factors[0, 0])})]
    names = [f"{top}_channel{number}" for number in range(len(factors))]
    sources = [int(np.flatnonzero(row)[0]) for row in factors]
    scaled = [f"{top}_scaled{number}" for number in range(len(factors))]
    points = {"axis": 1, "slice_point": list(range(1, len(factors)))}
    return [
        layer("Slice", f"{top}_slice", bottom, names, slice_param=points),
        *(
            layer("Power", name, names[source], power_param={"scale": float(row[source])})
            for name, source, row in zip(scaled, sources, factors, strict=True)
        ),
        layer("Concat", f"{top}_concat", scaled, top),
    ]


def _notes(preprocessing: Preprocessing, entry: TrainingInput) -> list[str]:
    notes = []
    if entry.resize_before is not None:
        notes.append(
            f"Caffe stretches every training picture to {entry.resize_before}x{entry.resize_before}, where the "
            "preprocessing makes the shorter side that long: the same for square pictures only; resize others first"
        )
    if preprocessing.resize != "none" and preprocessing.interpolation != "bilinear":
        notes.append("Caffe resizes training pictures without antialiasing; pictures of the right size are left alone")
    return notes
