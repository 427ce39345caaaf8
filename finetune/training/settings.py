"""How a net is trained: what a study file says, and the solver that it means."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from prototxt.formats.schema import SolverParameter
from torchcaffe.solver_settings import check_settings

Crop = Literal["centre", "random"]


class TrainingSettings(BaseModel):
    """How to train; every field may be given in a study file.

    Parameters
    ----------
    iterations : updates in all stages together.
    batch : images per update.
    base_lr : learning rate before any ``lr_mult``.
    policy : Caffe's ``lr_policy``: fixed, step, multistep, exp, inv, poly or sigmoid, with its fields ``gamma``,
        ``power``, ``stepsize`` and ``stepvalue``.
    type : Caffe's solver type.
    momentum, weight_decay : of the solver.
    mirror : whether half of the training images are mirrored.
    crop : where training crops lie.
    patience : early stopping: checks of the validation images without a lower loss, after which training ends; the
        weights of the lowest loss are taken, also where it never ends early. 0 for no early stopping.
    check_every : iterations between two such checks.
    display : iterations between lines of the log.
    evaluate : iterations between evaluations in training; 0 for none.
    cache_gb : memory for what frozen layers give, in GB (10⁹ bytes); 0 to compute it every time.
    checkpoint_seconds : between two checkpoints.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    iterations: int = Field(default=500, ge=1)
    batch: int = Field(default=32, ge=1)
    base_lr: float = Field(default=0.002, ge=0)
    policy: str = "fixed"
    gamma: float = 0.1
    power: float = 1.0
    stepsize: int = Field(default=200, ge=1)
    stepvalue: tuple[int, ...] = ()
    type: str = "SGD"
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=1e-4, ge=0)
    mirror: bool = True
    crop: Crop = "random"
    patience: int = Field(default=0, ge=0)
    check_every: int = Field(default=50, ge=1)
    display: int = Field(default=10, ge=1)
    evaluate: int = Field(default=0, ge=0)
    cache_gb: float = Field(default=2.0, ge=0)
    checkpoint_seconds: float = Field(default=60.0, ge=0)

    def solver(self) -> SolverParameter:
        """The message of Caffe's solver, without nets.

        Raises
        ------
        NetError : an unknown policy or type, or a field of it that is not allowed.
        """
        param = SolverParameter(
            base_lr=self.base_lr,
            lr_policy=self.policy,
            gamma=self.gamma,
            power=self.power,
            stepsize=self.stepsize,
            stepvalue=self.stepvalue,
            max_iter=self.iterations,
            weight_decay=self.weight_decay,
            type=self.type,
            display=self.display,
        )
        if self.type in ("SGD", "Nesterov", "Adam", "AdaDelta"):
            param.momentum = self.momentum
        check_settings(param, "training settings")
        return param
