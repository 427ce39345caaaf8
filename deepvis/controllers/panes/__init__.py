"""What each further pane shows, one file per pane; every file here is imported, and so registers its pane."""

from prototxt.common.registry import import_all

import_all(__name__, __path__)
