"""Ways to teach a net a new task, one file each; every module of this folder enters its methods into `METHODS`."""

from finetune.methods.registry import METHODS, Method
from prototxt.common.registry import import_all

import_all(__name__, __path__)

__all__ = ["METHODS", "Method"]
