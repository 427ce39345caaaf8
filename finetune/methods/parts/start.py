"""Where every method starts: the source net with the new task's head in it, and what of it may learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from entropy.surgery.extended import Extended, OldNet, open_old
from entropy.surgery.heads import TaskHead, add_head, read_by_classifier
from entropy.surgery.own_layers import add_own_layers
from finetune.errors import ExperimentError
from finetune.methods.parts.trunk import Trunk, find_trunk
from finetune.training.prepared import Prepared, Rates, Setting, Stage, Term
from prototxt.formats.schema import ParamSpec
from prototxt.split import fill_param_specs

HeadName = Literal["fc7", "wide"]
"""What the new head reads: what the old classifier reads (fc7 in AlexNet), or the last maps (pool5) beside it."""

FcName = Literal["frozen", "whole", "own"]
"""Hidden fully connected layers: frozen, trained at the full rate, or the new task's own copies of them trained."""


@dataclass(frozen=True, eq=False)
class Start:
    """The source net with a new head, before it is decided what learns.

    Parameters
    ----------
    extended : the net with both heads; its rates are those of a frozen old net.
    trunk : the source net's layers.
    hidden : rates of the source net's hidden fully connected layers, from the option ``fc``.
    """

    extended: Extended
    trunk: Trunk
    hidden: Mapping[str, Rates]

    def rates(self, trunk: Mapping[str, Rates] | None = None) -> dict[str, Rates]:
        """Give every layer its rate: those of the trunk that are named, ``hidden``, and 1 for what was added."""
        return {**self.extended.rates, **self.trunk.with_companions({**self.hidden, **(trunk or {})})}

    @property
    def everything(self) -> dict[str, Rates]:
        """All layers at rate 1, except the old classifier, which the new task does not reach."""
        return self.rates(dict.fromkeys(self.trunk.shared, 1.0))

    @property
    def with_old_head(self) -> dict[str, Rates]:
        """All layers at rate 1, the old classifier too: for losses that reach it."""
        return {**self.everything, **self.trunk.with_companions({self.trunk.classifier: 1.0})}

    def prepared(
        self, trunk: Mapping[str, Rates] | None = None, notes: Sequence[str] = (), terms: Sequence[Term] = ()
    ) -> Prepared:
        """Make what a trainer takes, with one stage.

        Parameters
        ----------
        trunk : rates of layers of the source net; what is not named is frozen.
        notes, terms : as in `Prepared`.
        """
        return self.in_stages([Stage(1.0, self.rates(trunk))], notes, terms)

    def in_stages(self, stages: Sequence[Stage], notes: Sequence[str] = (), terms: Sequence[Term] = ()) -> Prepared:
        """Make what a trainer takes, with stages of their own rates."""
        return prepare(self.extended, stages, notes, terms)


def prepare(
    extended: Extended, stages: Sequence[Stage] = (), notes: Sequence[str] = (), terms: Sequence[Term] = ()
) -> Prepared:
    """Make what a trainer takes of a net that got a new task; without stages the rates are those of the surgery."""
    return Prepared(
        extended.net,
        extended.weights,
        extended.old_output,
        extended.new_output,
        stages or [Stage(1.0, extended.rates)],
        terms,
        (*extended.notes, *notes),
    )


def warmed_up(begun: Start, share: float, old_head: bool = False) -> tuple[Stage, ...]:
    """Give the stages of a training that begins with the head alone.

    Parameters
    ----------
    share : of the iterations for the head, in [0, 1); 0 for no such stage.
    old_head : whether the old classifier learns too, afterwards.

    Raises
    ------
    ExperimentError : another share.
    """
    if not 0 <= share < 1:
        raise ExperimentError(f"the share of the warm-up must lie in [0, 1); got {share:g}")
    every = Stage(1 - share, begun.with_old_head if old_head else begun.everything)
    return (Stage(share, begun.rates()), every) if share else (every,)


def without_decay(prepared: Prepared, layers: Sequence[str]) -> Prepared:
    """Take the solver's weight decay away from layers (``decay_mult: 0``)."""
    net = fill_param_specs(prepared.net)
    for layer in net.layer:
        if layer.name in layers:
            layer.param.extend(ParamSpec() for _ in range(len(prepared.weights[layer.name]) - len(layer.param)))
            for spec in layer.param:
                spec.decay_mult = 0
    return replace(prepared, net=net)


def start(setting: Setting, head: HeadName = "fc7", fc: FcName = "frozen") -> Start:
    """Put the new task's head into the source net.

    Parameters
    ----------
    head : what it reads.
    fc : what becomes of the hidden fully connected layers, where a method does not name their rates.

    Raises
    ------
    ExperimentError : an unknown kind of head, or choice for the hidden layers.
    SurgeryError, NetError : the net cannot take a new head.
    """
    if fc not in get_args(FcName):
        raise ExperimentError(f"fc cannot be {fc!r}; use one of {', '.join(get_args(FcName))}")
    old = old_net(setting)
    trunk = trunk_of(old)
    new = task_head(setting, blobs_of_head(old, head))
    net, weights = setting.model.net, setting.model.weights
    if fc == "own":
        extended = add_own_layers(net, weights, trunk.hidden, new, suffix=setting.suffix, seed=setting.seed)
    else:
        extended = add_head(net, weights, new, seed=setting.seed)
    return Start(extended, trunk, dict.fromkeys(trunk.hidden, 1.0) if fc == "whole" else {})


def old_net(setting: Setting) -> OldNet:
    """The source net, as surgery takes it."""
    return open_old(setting.model.net, setting.model.weights)


def trunk_of(old: OldNet) -> Trunk:
    """The layers of the source net."""
    return find_trunk(old.net, old.outputs[0])


def task_head(setting: Setting, on: Sequence[str] = ()) -> TaskHead:
    """The new task's head, on the old classifier's input or on given blobs."""
    return TaskHead(setting.head, len(setting.target.classes), tuple(on), setting.head_rates)


def blobs_of_head(old: OldNet, head: HeadName) -> tuple[str, ...]:
    """The blobs that a head reads; none for what the old classifier reads.

    A wide head reads the last maps of the net (what its first hidden layer reads) and what its classifier reads.

    Raises
    ------
    ExperimentError : an unknown kind of head.
    """
    if head not in get_args(HeadName):
        raise ExperimentError(f"there is no head {head!r}; use one of {', '.join(get_args(HeadName))}")
    if head == "fc7":
        return ()
    return tuple(dict.fromkeys([last_maps(old), read_by_classifier(old)]))


def last_maps(old: OldNet) -> str:
    """The blob of the net's last maps: what its first hidden layer reads, or its classifier where it has none."""
    hidden = trunk_of(old).hidden
    return old.graph.node(hidden[0]).bottoms[0].blob if hidden else read_by_classifier(old)
