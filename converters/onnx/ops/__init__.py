"""One file per family of ONNX operators; every file here is imported, and so registers what it translates."""

from prototxt.common.registry import import_all

import_all(__name__, __path__)
