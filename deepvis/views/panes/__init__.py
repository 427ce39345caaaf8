"""The widget of each further pane, one file per pane; every file here is imported, and so registers its widget."""

from prototxt.common.registry import import_all

import_all(__name__, __path__)
