"""H measured again and a new plan every n iterations, within one training in torchcaffe.

Not among the names of ``entropy`` itself: torch takes seconds to import, and most of entropy needs none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from entropy.errors import PlanError
from entropy.measuring.measurement import measure
from entropy.measuring.network_means import network_means
from entropy.measuring.scan_file import ScanTables
from entropy.measuring.table import Table
from entropy.planning.plan import Plan
from entropy.training.applying import apply_plan
from prototxt.formats.schema import NetParameter
from torchcaffe.network import Network
from torchcaffe.solver import Solver
from torchcaffe.solver_nets import share_trained_layers


class Replanning:
    """Plans anew every n iterations of a solver: the callback of `replan_every`.

    Parameters
    ----------
    solver, every, net, batches, make, layers, bins, exact : as in `replan_every`.

    Attributes
    ----------
    plans : iteration and plan of every time so far.
    """

    def __init__(
        self,
        solver: Solver,
        every: int,
        net: NetParameter,
        batches: Iterable[np.ndarray],
        make: Callable[[Table], Plan],
        *,
        layers: Sequence[str] | None,
        bins: int,
        exact: bool,
    ) -> None:
        if every < 1:
            raise PlanError(f"a new plan every {every} iterations; it must be at least 1")
        if isinstance(batches, Iterator):
            raise PlanError("the pictures are gone through for every plan: give a list or PictureBatches, no iterator")
        self.solver = solver
        self.every = every
        self.batches = batches
        self.make = make
        self.layers = layers
        self.bins = bins
        self.exact = exact
        self.plans: list[tuple[int, Plan]] = []
        self.network = Network(net, "TEST", solver.network.device, seed=1)
        share_trained_layers(self.network, solver.network)

    def on_start(self) -> None:
        """Plan anew, if it is time."""
        if self.solver.iter % self.every == 0:
            self.replan()

    def replan(self) -> Plan:
        """Measure H with the weights of now, and train by a new plan from the next update on."""
        plan = self.make(measure(self.means(), bins=self.bins))
        apply_plan(self.solver, plan, exact=self.exact)
        stop_frozen(self.solver)
        self.plans.append((self.solver.iter, plan))
        return plan

    def means(self) -> ScanTables:
        """The means table of the net as it is now."""
        return network_means(self.network, self.batches, self.layers)


def replan_every(
    solver: Solver,
    every: int,
    net: NetParameter,
    batches: Iterable[np.ndarray],
    make: Callable[[Table], Plan],
    *,
    layers: Sequence[str] | None = None,
    bins: int = 256,
    exact: bool = True,
) -> Replanning:
    """Let a torchcaffe solver measure H and plan anew before its first iteration and every n iterations from then on.

    Weights, momentum and learning rate go on. As in `entropy.replan`, what becomes frozen loses its velocity (SGD and
    Nesterov), so that it stays as it is, bit for bit.

    Parameters
    ----------
    solver : of a plain (unsplit) net, such as ``solver_plain.prototxt`` in a folder of `entropy.write`, its weights
        loaded.
    every : iterations between two plans.
    net : deploy net in which H is measured, such as the folder's ``deploy.prototxt``. Its layers share the weights of
        the solver's layers of the same names; what is behind the measured layers does not run.
    batches : preprocessed pictures of the task that the net knew, gone through for every plan: a list of arrays, or
        `entropy.measuring.network_means.PictureBatches`.
    make : plan of a table, such as ``lambda table: entropy.plan(table, 2)``.
    layers, bins : what to measure, as in `entropy.measure`.
    exact : as in `entropy.apply_plan`.

    Returns
    -------
    Replanning : its ``plans`` grows as the solver goes.

    Raises
    ------
    PlanError : ``every`` below 1, or pictures that can be gone through only once; while training, whatever `make` or
        `entropy.apply_plan` refuses.
    NetError : the layers of ``net`` are not those of the solver's net.
    """
    callback = Replanning(solver, every, net, batches, make, layers=layers, bins=bins, exact=exact)
    solver.add_callback(callback.on_start, lambda: None)
    return callback


@torch.no_grad()
def stop_frozen(solver: Solver) -> None:
    """Take the velocity from everything with a learning rate of 0, where it holds steps of the rate of its time."""
    updater = solver.updater
    if not updater.rule.rate_in_history:
        return
    for velocity, multipliers in zip(updater.history, updater.multipliers, strict=True):
        moves = multipliers.lr != 0
        velocity.mul_(moves.to(velocity) if isinstance(moves, Tensor) else float(moves))
