"""Which function converts which PyTorch operation, and how exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from converters.call import Call, Result
from prototxt.common.registry import Registry

Converter = Callable[[Call], Result]
C = TypeVar("C", bound=Converter)

Status = Literal["exact", "trick", "approximation"]


@dataclass(frozen=True)
class Exactness:
    """How near a converter's layers come to the operation.

    Parameters
    ----------
    status : "exact" for a layer that is the operation, "trick" for several that only differ from it by float32's
        rounding, "approximation" for what is further off.
    error : largest difference of an approximation from the operation, as "absolute 5e-7" (divided by the value where
        that is above 1) or "relative 2e-8"; "" for the others.
    """

    status: Status
    error: str


CONVERTERS: Registry[Converter] = Registry("operation")
EXACTNESS: Registry[Exactness] = Registry("operation")


def converts(*ops: str, status: Status = "exact", error: str = "") -> Callable[[C], C]:
    """Register the decorated function for ``ops``, written as torch prints them: ``"aten.relu.default"``.

    The function takes a `Call` and returns the name of the blob that holds the result, the `Blob` it was given where
    nothing needs to be done, or a tuple of names for an operation with several results. It raises `RefusedError` for a
    form of the operation that Caffe cannot express. The first sentence of its docstring says which layers it makes:
    ``docs/converter-operations.md`` is made of these.

    Parameters
    ----------
    status, error : see `Exactness`.
    """

    def register(converter: C) -> C:
        CONVERTERS.register(*ops)(converter)
        for op in ops:
            EXACTNESS.add(op, Exactness(status, error))
        return converter

    return register


def short_name(op: str) -> str:
    """What people call an operation: ``"conv2d"`` for ``"aten.conv2d.default"``."""
    return op.split(".")[1].removeprefix("_native_").removesuffix("_legit_no_training").strip("_")
