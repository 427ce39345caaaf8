"""Data layers: where the batches of a training net come from, and HDF5Output, where they go."""

from torchcaffe.data import database, dummy_data, hdf5_data, hdf5_output, image_data, memory_data, window_data

__all__ = ["database", "dummy_data", "hdf5_data", "hdf5_output", "image_data", "memory_data", "window_data"]
