"""One file per family of operations; every file here is imported, and so registers what it converts."""

from prototxt.common.registry import import_all

import_all(__name__, __path__)
