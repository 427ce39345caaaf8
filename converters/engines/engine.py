"""What every engine offers: run the files of a net, and give what each layer wrote."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Top = tuple[str, int]
"""A layer's name and the index of one of its tops."""


class NotSupportedError(Exception):
    """Raised by an engine for a net that it is known not to run, or to run wrongly. The message says why."""


Feed = np.ndarray | Mapping[str, np.ndarray]
"""What a net is given for one run: an array for its only input, or arrays by the names of its inputs; float32."""


def by_name(feed: Feed, inputs: Sequence[Any]) -> dict[Any, np.ndarray]:
    """The arrays by the net's inputs, as these are called in ``inputs``."""
    return {inputs[0]: feed} if isinstance(feed, np.ndarray) else dict(feed)


@dataclass(frozen=True)
class Job:
    """A net to run.

    Parameters
    ----------
    prototxt, caffemodel : its files.
    inputs : what the net is given, run by run; the first axis, the batch, may differ from the net's own.
    wanted : the tops to give, as they are just after their layer has run.
    """

    prototxt: Path
    caffemodel: Path
    inputs: tuple[Feed, ...]
    wanted: tuple[Top, ...]


class Engine(ABC):
    """A program that runs Caffe nets.

    Attributes
    ----------
    bar : largest relative difference from PyTorch at which a layer counts as equal.
    """

    bar: float

    @abstractmethod
    def version(self) -> str:
        """Name and version of the program.

        Raises
        ------
        ConversionError : if it is not installed; the sentence says how to get it.
        """

    @abstractmethod
    def run(self, jobs: Sequence[Job]) -> Iterator[dict[Top, np.ndarray]]:
        """The wanted tops for every input of every job, in order: float arrays of the shapes that Caffe gives them.

        Raises
        ------
        NotSupportedError : if the engine cannot run the net, by fault of its own.
        ConversionError : if it refuses the net.
        """
