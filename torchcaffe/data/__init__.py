"""Data layers: where the batches of a training net come from, and HDF5Output, where they go."""

from prototxt.common.registry import import_all

import_all(__name__, __path__)
