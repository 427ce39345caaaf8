"""Programs that run Caffe nets, by name, one file each: what a conversion can be verified with."""

from converters.engines.engine import Engine, Job, NotSupportedError
from converters.engines.registry import ENGINES
from prototxt.common.registry import import_all

__all__ = ["ENGINES", "Engine", "Job", "NotSupportedError"]

import_all(__name__, __path__, leave_out=("caffe_driver", "rknn_driver"))  # which other Pythons run
