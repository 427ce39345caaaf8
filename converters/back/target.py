"""What a command that writes Caffe nets for another program must know of that program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from converters.back.source_net import SourceNet
from converters.back.verification import Program


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes
    ----------
    files : names, the most important first.
    program : makes what runs it, to verify it.
    batch_is_free : it takes any batch.
    modules : names in what was written by Caffe layer, where they differ from layer to layer.
    """

    files: tuple[str, ...]
    program: Callable[[], Program]
    batch_is_free: bool
    modules: dict[str, str]


@dataclass(frozen=True)
class Target:
    """A program that nets are written for.

    Attributes
    ----------
    name : for people.
    write : called with the net, a folder, the stem of files, and text about the net; writes into the folder.
    """

    name: str
    write: Callable[[SourceNet, Path, str, str], Written]
