"""HDF5Output: writes two blobs into an HDF5 file."""

from __future__ import annotations

from pathlib import Path

import h5py
from torch import Tensor

from prototxt.common.errors import NetError
from torchcaffe.layer import Layer, Shape
from torchcaffe.registry import layer

DATASETS = ("data", "label")


@layer("HDF5Output")
class HDF5Output(Layer):
    """Appends the first bottom to the data set ``data`` and the second to ``label``, float32 of four axes as in Caffe.

    Caffe writes one batch and ends the program at the second; here the rows of all batches follow each other. The file
    is begun anew by the first batch, and closed after every batch.
    """

    bottoms = (2, 2)
    tops = (0, 0)

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read where to write."""
        name = self.param.hdf5_output_param.file_name
        self.path = Path(name)
        if not name or self.path.is_dir() or not self.path.parent.is_dir():
            raise ValueError(f"hdf5_output_param: file_name {name!r} must name a file in a folder that exists")
        self.written = False

    def forward(self, data: Tensor, label: Tensor) -> tuple[Tensor, ...]:
        """(N, ...) and (N, ...), up to four axes each → nothing."""
        blobs = data, label
        if max(blob.ndim for blob in blobs) > 4 or data.shape[:1] != label.shape[:1]:
            shapes = " and ".join(str(tuple(blob.shape)) for blob in blobs)
            raise ValueError(f"needs two bottoms of up to four axes and the same first axis; got {shapes}")
        try:
            with h5py.File(self.path, "a" if self.written else "w") as file:
                for name, blob in zip(DATASETS, blobs, strict=True):
                    _append(file, name, blob.detach().reshape(*blob.shape, *(1,) * (4 - blob.ndim)))
        except OSError as error:
            raise NetError(f"layer {self.name!r} (HDF5Output): {self.path} cannot be written: {error}") from error
        self.written = True
        return ()


def _append(file: h5py.File, name: str, blob: Tensor) -> None:
    rows = blob.cpu().numpy()
    if name not in file:
        file.create_dataset(name, data=rows, maxshape=(None, *rows.shape[1:]))
        return
    dataset = file[name]
    if dataset.shape[1:] != rows.shape[1:]:
        raise ValueError(f"rows of {name!r} have shape {rows.shape[1:]}; those before had {dataset.shape[1:]}")
    dataset.resize(len(dataset) + len(rows), axis=0)
    dataset[-len(rows) :] = rows
