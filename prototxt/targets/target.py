"""What a target's file says."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from prototxt.common.errors import InputError
from prototxt.common.names import unknown_name

STOCK = "caffe-1.0"


class FieldRule(BaseModel):
    """What a target takes of one field.

    Attributes
    ----------
    types : layer types that the rule is about.
    field : within the layer, with dots between.
    equals : the only value that is taken.
    most : the largest value, or for a repeated field the most entries.
    why : the end of the sentence that a finding is, which says what to do.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    types: tuple[str, ...]
    field: str
    equals: Any = None
    most: int | None = None
    why: str


class Target(BaseModel):
    """What a program takes, compared with stock Caffe.

    Attributes
    ----------
    title : the program.
    source : where this is from.
    branch : of BVLC Caffe that the program starts from: tag ``"1.0"``, or ``"master"`` with younger fields and layers.
    without : layer types of that branch that the program does not have.
    extra : layer types that it has beyond.
    axes : most axes of a blob, 0 for any.
    extent : greatest height and width of a blob, 0 for any.
    outputs : most outputs of a net, 0 for any.
    plain_names : whether names of layers and blobs must begin with a letter.
    unique_names : whether no two layers may have one name.
    fields : rules about fields.
    rewrites : names of `prototxt.targets.registry.REWRITES`, which make a converted net of stock Caffe fit.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    source: str
    branch: Literal["1.0", "master"] = "1.0"
    without: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    axes: int = 0
    extent: int = 0
    outputs: int = 0
    plain_names: bool = False
    unique_names: bool = True
    fields: tuple[FieldRule, ...] = ()
    rewrites: tuple[str, ...] = ()


@cache
def target_names() -> tuple[str, ...]:
    """Names of all targets, stock Caffe first."""
    found = sorted(
        file.name.removesuffix(".toml") for file in files(__package__).iterdir() if file.name.endswith(".toml")
    )
    return (STOCK, *(name for name in found if name != STOCK))


@cache
def target(name: str) -> Target:
    """The target of a name.

    Raises
    ------
    InputError : if there is none; the sentence lists them.
    """
    if name not in target_names():
        raise InputError(f"--target: {unknown_name('target', name, target_names())}")
    text = files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return Target(name=name, **tomllib.loads(text))
