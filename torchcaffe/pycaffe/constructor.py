"""The two ways in which scripts make a ``caffe.Net``, and what is read for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from prototxt.common.errors import NetError
from prototxt.formats.schema import NetParameter
from prototxt.formats.text import read_net
from prototxt.formats.upgrade import upgrade_net
from prototxt.formats.weights import read_weights
from torchcaffe.layers.python import UserCodeError
from torchcaffe.mode import TEST, TRAIN, current_device
from torchcaffe.network import Network
from torchcaffe.pycaffe.messages import as_ours
from torchcaffe.snapshot import warn_of_fillers
from torchcaffe.stored import Stored

PHASES = {TRAIN: "TRAIN", TEST: "TEST"}


def argument_names(arguments: Sequence[Any]) -> tuple[str, ...]:
    """Names of the positional arguments behind the file, of Caffe's two constructors."""
    if arguments and isinstance(arguments[0], str | Path):
        return ("weights", "phase")
    return ("phase", "level", "stages", "weights")


def read_network(
    source: str | Path | Message,
    phase: int | None,
    level: int,
    stages: Sequence[str] | None,
    weights: str | Path | None,
) -> Network:
    """Read a net of one phase and its weights.

    Parameters
    ----------
    source : a prototxt, or the message ``NetParameter``.

    Raises
    ------
    FormatError, NetError : as `torchcaffe.Net`.
    """
    name = "the net" if isinstance(source, Message) else str(source)
    if phase not in PHASES:
        raise NetError(f"Net({name!r}): the phase must be caffe.TRAIN (0) or caffe.TEST (1), got {phase!r}")
    net = upgrade_net(as_ours(source, NetParameter)) if isinstance(source, Message) else read_net(source)
    loaded = None if weights is None else read_weights(weights, net)
    try:
        network = Network(net, PHASES[phase], current_device(), loaded, None, level, stages or ())
    except UserCodeError:
        raise
    except NetError as error:
        raise type(error)(f"{name} with {weights}: {error}" if weights else f"{name}: {error}") from error
    if loaded is not None:
        warn_of_fillers(Stored(network).without_weights(loaded), weights)
    return network
