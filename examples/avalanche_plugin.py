"""The rates of a ``plan.json`` in Avalanche (``pip install avalanche-lib``): a plug-in for any strategy.

Every step of the strategy's optimizer is scaled, filter by filter, as `entropy.scale_updates` does it. So the plan
works together with Avalanche's other plug-ins (EWC, LwF, replay): they shape the loss, the plan says who may follow it.

```python
from avalanche.training.supervised import Naive
from avalanche_plugin import PlannedRates

strategy = Naive(model=model, optimizer=optimizer, criterion=criterion, plugins=[PlannedRates("run/plan.json")])
for experience in benchmark.train_stream:
    strategy.train(experience)
```
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from avalanche.training.plugins import SupervisedPlugin

import entropy
from entropy.training.updates import Modules


class PlannedRates(SupervisedPlugin, supports_distributed=True):
    """Lets every filter learn at the rate of a plan.

    Running statistics of BatchNorm are no parameters and go on moving; put such modules into eval mode to keep them.

    Parameters
    ----------
    plan : a ``plan.json``, or what `entropy.plan` gave.
    modules : which module of the model belongs to which layer of the plan, see `entropy.scale_updates`: names, the
        folder of a conversion, or nothing where the names are the same.
    first : number of the first experience that is trained with the plan, counted from 0. By default 1: experience 0
        trains the net that the plan protects. 0 for a net that comes trained.
    exact : take the rates as the transfer function gave them; False takes those that Caffe gets.
    """

    def __init__(
        self,
        plan: entropy.Plan | Path | str,
        modules: Modules | Path | str | None = None,
        first: int = 1,
        exact: bool = True,
    ) -> None:
        super().__init__()
        self.plan = plan if isinstance(plan, entropy.Plan) else entropy.read_plan(plan)
        self.modules, self.first, self.exact = modules, first, exact
        self._scaled: entropy.ScaledUpdates | None = None

    def before_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Scale the optimizer's steps; Avalanche has adapted model and optimizer to the experience by now."""
        self._remove()
        if strategy.clock.train_exp_counter >= self.first:
            self._scaled = entropy.scale_updates(
                strategy.optimizer, strategy.model, self.plan, self.modules, exact=self.exact
            )

    def after_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Let the optimizer step as before."""
        self._remove()

    def _remove(self) -> None:
        if self._scaled is not None:
            self._scaled.remove()
            self._scaled = None
