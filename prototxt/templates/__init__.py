"""Reference nets as their papers and reference files describe them, with fillers, in deploy form (an Input layer)."""

from __future__ import annotations

from collections.abc import Callable

from prototxt.common.errors import NetError
from prototxt.formats.schema import NetParameter
from prototxt.templates.alexnet import alexnet, caffenet
from prototxt.templates.googlenet import googlenet
from prototxt.templates.lenet import lenet
from prototxt.templates.resnet import resnet50, resnet101, resnet152
from prototxt.templates.squeezenet import squeezenet
from prototxt.templates.vgg import vgg16, vgg19

TEMPLATES: dict[str, Callable[[], NetParameter]] = {
    "lenet": lenet,
    "alexnet": alexnet,
    "caffenet": caffenet,
    "vgg16": vgg16,
    "vgg19": vgg19,
    "googlenet": googlenet,
    "squeezenet": squeezenet,
    "resnet50": resnet50,
    "resnet101": resnet101,
    "resnet152": resnet152,
}


def read_template(name: str) -> NetParameter:
    """Return the reference net called ``name``: a new message that may be changed freely.

    Raises
    ------
    NetError : if there is none; the sentence lists `TEMPLATES`.
    """
    if name not in TEMPLATES:
        raise NetError(f"unknown template {name!r}; there are {', '.join(TEMPLATES)}")
    return TEMPLATES[name]()
