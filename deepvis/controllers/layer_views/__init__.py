"""One file per way to show a layer; every file here is imported, and so registers its view."""

from prototxt.common.registry import import_all

import_all(__name__, __path__)
