"""The rates of a ``plan.json`` as a method of mammoth (https://github.com/aimagelab/mammoth).

Copy this file into mammoth's ``models/`` as ``planned_rates.py``; then, for a backbone that comes trained:

```
python main.py --model planned-rates --plan run/plan.json --plan_first 0 --dataset … --lr 0.01
```

The names in the plan are those of the backbone's modules (``layer1.0.conv1``), or ``--plan_modules`` names the folder
of the conversion that the plan was made for, which knows them.
"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

import torch
from models.utils.continual_model import ContinualModel

import entropy


class PlannedRates(ContinualModel):
    """Fine-tuning in which every filter learns at the rate of a plan."""

    NAME = "planned_rates"
    COMPATIBILITY = ("class-il", "domain-il", "task-il")

    @staticmethod
    def get_parser(parser: ArgumentParser | None = None) -> ArgumentParser:
        """Add the method's options; mammoth before 0.2 gives no parser."""
        parser = parser or ArgumentParser(description=PlannedRates.__doc__)
        parser.add_argument("--plan", required=True, help="the plan.json")
        parser.add_argument("--plan_modules", help="folder of the conversion, where names of layers and modules differ")
        parser.add_argument(
            "--plan_first", type=int, default=1, help="first task that is trained with the plan, counted from 0"
        )
        return parser

    def __init__(self, backbone: torch.nn.Module, loss: Any, args: Any, transform: Any, *dataset: Any, **more: Any):
        super().__init__(backbone, loss, args, transform, *dataset, **more)
        self.plan = entropy.read_plan(args.plan)
        self._scaled: entropy.ScaledUpdates | None = None
        self._scaled_optimizer: torch.optim.Optimizer | None = None

    def observe(
        self, inputs: torch.Tensor, labels: torch.Tensor, not_aug_inputs: torch.Tensor, epoch: int | None = None
    ) -> float:
        """Train on a batch; gives its loss."""
        self._follow_plan()
        self.opt.zero_grad()
        loss = self.loss(self.net(inputs), labels)
        loss.backward()
        self.opt.step()
        return float(loss.item())

    def end_task(self, dataset: Any) -> None:
        """Let the optimizer step as before: the next task may be trained without the plan, or with a new optimizer."""
        if self._scaled is not None:
            self._scaled.remove()
        self._scaled = self._scaled_optimizer = None

    def _follow_plan(self) -> None:
        """Scale the optimizer's steps; mammoth may make a new optimizer after `begin_task`, so every step looks."""
        if self.current_task >= self.args.plan_first and self.opt is not self._scaled_optimizer:
            self._scaled = entropy.scale_updates(self.opt, self.net, self.plan, self.args.plan_modules)
            self._scaled_optimizer = self.opt
