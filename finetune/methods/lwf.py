"""Learning without forgetting: the old head must go on saying of new images what it said before."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional as F

from finetune.methods.parts.grids import BASE_LRS
from finetune.methods.parts.start import HeadName, start, warmed_up
from finetune.methods.parts.teacher import Teacher
from finetune.methods.registry import method
from finetune.training.prepared import Batch, Kept, NoTerm, Prepared, Setting
from torchcaffe.network import Network


@method(
    "lwf",
    "LwF",
    "Li & Hoiem (ECCV 2016, TPAMI 2018), section 3",
    {"weight": (0.1, 0.5, 1.0, 4.0), "base_lr": BASE_LRS},
    plain=False,
    weight=1.0,
    temperature=2.0,
    warm_up=0.2,
    head="fc7",
)
def prepare_lwf(setting: Setting, weight: float, temperature: float, warm_up: float, head: HeadName) -> Prepared:
    """Train all layers, and the old head on what the source net says of the new images.

    ``loss = new + weight · old``, old being the cross-entropy between the softened probabilities of the source net and
    of the net in training. No image of the old task is needed.

    Parameters
    ----------
    weight : λ of the old head's loss; 1 in the paper.
    temperature : T, by which scores are divided before the softmax; 2 in the paper.
    warm_up : share of the iterations in which the new head learns alone, as in the paper; 0 for none.
    """
    begun = start(setting, head)
    stages = warmed_up(begun, warm_up, old_head=True)
    output = begun.extended.old_output
    term = Distillation(Teacher(setting.model, [output]), output, weight, temperature)
    return begun.in_stages(stages, terms=[term])


def distillation_loss(scores: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Cross-entropy between softened class probabilities, mean over images.

    Parameters
    ----------
    scores, teacher : (N, classes) of the net in training, and of the one that it learns from.
    temperature : above 0. Probabilities to the power 1/T, normalised again, are the softmax of scores divided by T.

    References
    ----------
    Li & Hoiem (TPAMI 2018), Eq. 2 to 4, which do not multiply by T² as Hinton et al. (2015) do.
    """
    wanted = F.softmax(teacher / temperature, dim=1)
    return -(wanted * F.log_softmax(scores / temperature, dim=1)).sum(1).mean()


class Distillation(NoTerm):
    """Adds ``weight · distillation_loss`` of the old head on the new task's images.

    Parameters
    ----------
    teacher : the source net; it sees the batch without Dropout.
    output : blob of the old head's scores, in both nets.
    weight, temperature : λ and T.
    """

    def __init__(self, teacher: Teacher, output: str, weight: float, temperature: float) -> None:
        self.keeps = (output,)
        self.teacher, self.output, self.weight, self.temperature = teacher, output, weight, temperature

    def start(self, network: Network) -> None:
        """Make the teacher ready."""
        self.teacher.start(network)

    def loss(self, network: Network, batch: Batch, values: Mapping[Kept, Tensor]) -> Tensor | None:
        """Compare what both nets say of the batch."""
        teacher = self.teacher.values(batch)[self.output]
        return self.weight * distillation_loss(values[self.output], teacher, self.temperature)
