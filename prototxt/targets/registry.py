"""Which function makes which rewrite."""

from __future__ import annotations

from collections.abc import Callable

from prototxt.common.registry import Registry
from prototxt.formats.schema import NetParameter
from prototxt.formats.weights import Weights
from prototxt.rewrite.rewritten import Rewritten
from prototxt.targets.target import Target

Rewrite = Callable[[NetParameter, Weights], Rewritten]

REWRITES: Registry[Rewrite] = Registry("rewrite")


def rewrites_for(target: Target) -> list[Rewrite]:
    """The rewrites that make a net fit a target, in order."""
    return [REWRITES.find(name, f"target {target.name}") for name in target.rewrites]
