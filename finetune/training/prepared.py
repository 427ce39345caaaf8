"""What a method is given, and what it hands to a trainer: one net with both heads, and what of it may learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from torch import Tensor

from deepvis.model.model import Model
from entropy.measuring.table import Table
from finetune.tasks.task import Task
from finetune.training.settings import TrainingSettings
from prototxt.formats.schema import NetParameter
from prototxt.formats.weights import Weights
from prototxt.net.graph import Value
from torchcaffe.network import Network

Kept = str | Value
"""A blob by its name, for what it holds in the end, or one of its values: what Dropout will overwrite, say."""

Rates = float | np.ndarray
"""``lr_mult`` of a layer, relative to the rates that it has anyway (weights 1, bias 2): a number, or (units,)."""


@dataclass(frozen=True, eq=False)
class Setting:
    """What a method starts from.

    Parameters
    ----------
    model : the source net, trained on ``source``.
    source, target : the old task and the new one; a method sees their training images only.
    measure : gives the table of the source net's units (H, mean, std, Taylor, MAS …) on the source's training images;
        ``profile`` is one of `finetune.study.measuring.PROFILES` (``"default"``: 256 bins, Hmax of the layer;
        ``"thesis"``: 10 bins, Hmax of the network).
    head : name of the new classifier layer; by default ``fc8`` with the `suffix`.
    head_rates : lr_mult of its weights and its bias.
    seed : of everything that is random in the run.
    folder : where the run may keep files of its own.
    training : how the new task will be trained; methods that train on the old task too do it likewise.
    device : where nets compute.
    """

    model: Model
    source: Task
    target: Task
    measure: Callable[[str], Table]
    head: str = ""
    head_rates: tuple[float, float] = (10.0, 20.0)
    seed: int = 0
    folder: Path = Path()
    training: TrainingSettings = field(default_factory=lambda: TrainingSettings.model_validate({}))
    device: str = "cpu"

    def __post_init__(self) -> None:
        if not self.head:
            object.__setattr__(self, "head", f"fc8{self.suffix}")

    @cached_property
    def suffix(self) -> str:
        """Of the new task's layers: ``_new``, or ``_new2``, ``_new3`` … in a net that has learnt other tasks before."""
        taken = [name for layer in self.model.net.layer for name in (layer.name, *layer.top)]
        numbers = ("", *range(2, len(taken) + 3))
        return next(f"_new{number}" for number in numbers if not any(name.endswith(f"_new{number}") for name in taken))

    @cached_property
    def generator(self) -> np.random.Generator:
        """Random numbers of the method itself (masks, orders)."""
        return np.random.default_rng(self.seed)


@dataclass(frozen=True, eq=False)
class Batch:
    """Images of the new task on their way through the net.

    Parameters
    ----------
    blob : (N, C, H, W) float32, as the net takes it.
    labels : (N,) int64.
    """

    blob: Tensor
    labels: Tensor


class Term(Protocol):
    """A term of the loss, or a rule for weights, that goes beyond ``lr_mult``: only our own trainer can obey it.

    A term that has nothing to do at one of these moments inherits the empty method of `NoTerm`.
    """

    keeps: Sequence[Kept]
    """Blobs whose values of the batch the term wants to see, beside the new head's."""

    def start(self, network: Network) -> None:
        """Look at the net before the first update (copy weights, measure importances)."""

    def loss(self, network: Network, batch: Batch, values: Mapping[Kept, Tensor]) -> Tensor | None:
        """Give what is added to the loss, a scalar with a gradient; None for nothing."""

    def before_update(self, network: Network) -> None:
        """Change gradients after the backward pass (add a penalty's, mask some)."""

    def after_update(self, network: Network) -> None:
        """Look at what an update did (path integrals, restoring masked weights)."""

    def state(self) -> Mapping[str, Tensor]:
        """Give what it has gathered since `start`, for a checkpoint; what `start` can find again is left out."""

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take back what `state` gave; `start` was called before, on the net as it was in the beginning."""


class NoTerm:
    """A `Term` that does nothing; terms derive from it."""

    keeps: Sequence[Kept] = ()

    def start(self, network: Network) -> None:
        """Do nothing."""

    def loss(self, network: Network, batch: Batch, values: Mapping[Kept, Tensor]) -> Tensor | None:
        """Add nothing."""
        return None

    def before_update(self, network: Network) -> None:
        """Do nothing."""

    def after_update(self, network: Network) -> None:
        """Do nothing."""

    def state(self) -> Mapping[str, Tensor]:
        """Remember nothing."""
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Do nothing."""


@dataclass(frozen=True, eq=False)
class Stage:
    """A part of the training with rates of its own.

    Parameters
    ----------
    share : of the run's iterations, above 0; the shares of all stages sum to 1.
    rates : layer to `Rates`; what is not named has rate 0. Layers that are not in the source net keep the lr_mult of
        their own ``param`` messages times this.
    """

    share: float
    rates: Mapping[str, Rates]


@dataclass(frozen=True, eq=False)
class Prepared:
    """A net that can be trained, with both heads.

    Parameters
    ----------
    net : deploy net (an Input layer, no loss): one forward pass gives the outputs of both heads. Layers of the source
        net keep their names; what was added has new ones.
    weights : of every layer of it, the new ones initialised.
    old_output, new_output : blobs of the class scores (before any Softmax) of the old and of the new head.
    stages : in order; one stage for most methods.
    terms : what goes beyond ``lr_mult``; empty for everything that stock Caffe can train.
    notes : what a reader of the result should know ("165 of 1152 filters are free").
    gate : blob that says which task an image belongs to, (N, 2) scores of the old and of the new one; None where the
        task must be told.
    """

    net: NetParameter
    weights: Weights
    old_output: str
    new_output: str
    stages: Sequence[Stage]
    terms: Sequence[Term] = ()
    notes: Sequence[str] = field(default_factory=tuple)
    gate: str | None = None

    @property
    def is_plain(self) -> bool:
        """Whether stock Caffe can train it."""
        return not self.terms
