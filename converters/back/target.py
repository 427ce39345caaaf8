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
    modules : names in what was written by Caffe layer, where they differ from layer to layer.
    """

    files: tuple[str, ...]
    program: Callable[[], Program]
    modules: dict[str, str]


@dataclass(frozen=True)
class Target:
    """A program that nets are written for.

    Attributes
    ----------
    name : for people.
    batch_is_free : whether what is written of a net takes any batch.
    write : called with the net, a folder, the stem of files, and text about the net; writes into the folder.
    """

    name: str
    batch_is_free: Callable[[SourceNet], bool]
    write: Callable[[SourceNet, Path, str, str], Written]
