"""Where a training run is: weights, history, random state; written so that the run goes on as if it had not stopped."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from finetune.errors import ExperimentError
from finetune.training.prepared import Term
from prototxt.common.atomic import atomic_path
from torchcaffe.network import Network
from torchcaffe.update import Updater

VERSION = 1


@dataclass(frozen=True)
class Place:
    """Where a run is.

    Parameters
    ----------
    iteration : updates made so far.
    step : steps of the learning rate made so far.
    losses : of the updates since the last line of the log.
    seconds : CPU seconds so far.
    """

    iteration: int
    step: int
    losses: tuple[float, ...]
    seconds: float


@dataclass(frozen=True, eq=False)
class State:
    """The state of a run after an iteration.

    Parameters
    ----------
    place : where it is.
    parameters, history : of the net's layers and of the update rule.
    generators : state of the random numbers of every layer that has drawn some.
    terms : what each term remembers.
    stopping : what early stopping remembers.
    """

    place: Place
    parameters: dict[str, list[Tensor]]
    history: list[Tensor]
    generators: dict[str, Tensor]
    terms: list[dict[str, Any]]
    stopping: dict[str, Any] = field(default_factory=dict)


def take_state(network: Network, updater: Updater, terms: Sequence[Term], place: Place) -> State:
    """Copy the state of a run."""
    return State(
        place,
        {name: [blob.detach().cpu().clone() for blob in blobs] for name, blobs in network.params.items()},
        [each.cpu().clone() for each in updater.history],
        {layer.name: layer.generator.get_state() for layer in network.layers if layer._generator is not None},
        [dict(term.state()) for term in terms],
    )


@torch.no_grad()
def put_state(state: State, network: Network, updater: Updater, terms: Sequence[Term]) -> None:
    """Bring a net, an updater and terms to a state that was taken of their like."""
    for name, blobs in state.parameters.items():
        for blob, stored in zip(network.params[name], blobs, strict=True):
            blob.copy_(stored)
    for tensor, stored in zip(updater.history, state.history, strict=True):
        tensor.copy_(stored)
    for name, stored in state.generators.items():
        network.layer(name).generator.set_state(stored)
    for term, known in zip(terms, state.terms, strict=True):
        term.restore(known)


def write_state(path: Path, state: State) -> None:
    """Write a checkpoint, whole or not at all."""
    with atomic_path(path) as temporary:
        torch.save({"version": VERSION, **asdict(state)}, temporary)


def read_state(path: Path) -> State | None:
    """Read a checkpoint; None where there is none.

    Raises
    ------
    ExperimentError : it cannot be read, or is of another version.
    """
    if not path.is_file():
        return None
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
        version = found.pop("version", None)
        if version != VERSION:
            raise ValueError(f"version {version}")
        return State(Place(**found.pop("place")), **found)
    except (OSError, RuntimeError, EOFError, ValueError, TypeError, AttributeError, pickle.UnpicklingError) as error:
        raise ExperimentError(f"{path}: is no checkpoint of this version ({error}); remove it to begin anew") from error
