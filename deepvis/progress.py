"""How long work tells where it is: `prototxt.common.progress`, under the name that the toolbox knows it by."""

from prototxt.common.progress import Progress, with_bar

__all__ = ["Progress", "with_bar"]
