"""One file per family of layers; importing this package registers all descriptions."""

from prototxt.common.registry import import_all

import_all(__name__, __path__)
