"""Data layers: where the batches of a training net come from."""

from torchcaffe.data import database, dummy_data, hdf5_data, image_data, memory_data

__all__ = ["database", "dummy_data", "hdf5_data", "image_data", "memory_data"]
