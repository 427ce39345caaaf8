"""Actions of the window, a file per menu or theme; every file here is imported, and so registers its actions."""

from prototxt.common.registry import import_all

import_all(__name__, __path__)
