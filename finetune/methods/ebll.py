"""Encoder-based lifelong learning: LwF, and features must keep the code that the old task's autoencoder gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from torch import Tensor
from torch.nn import functional as F

from finetune.methods.lwf import Distillation
from finetune.methods.parts.autoencoder import Autoencoder, reconstruction_loss, train_autoencoder
from finetune.methods.parts.features import features_of
from finetune.methods.parts.grids import BASE_LRS
from finetune.methods.parts.images import some_old_images
from finetune.methods.parts.start import HeadName, last_maps, old_net, start, warmed_up
from finetune.methods.parts.teacher import Teacher
from finetune.methods.registry import method
from finetune.training.prepared import Batch, Kept, NoTerm, Prepared, Setting
from prototxt.net.graph import NetGraph, Value
from torchcaffe.network import Network


@method(
    "ebll",
    "EBLL",
    "Rannen et al. (ICCV 2017), section 3",
    {"code_weight": (0.001, 0.01, 0.1, 1.0), "base_lr": BASE_LRS},
    plain=False,
    weight=1.0,
    temperature=2.0,
    code_weight=0.01,
    code=100,
    images=500,
    iterations=500,
    warm_up=0.2,
    head="fc7",
)
def prepare_ebll(
    setting: Setting,
    weight: float,
    temperature: float,
    code_weight: float,
    code: int,
    images: int,
    iterations: int,
    warm_up: float,
    head: HeadName,
) -> Prepared:
    """Train all layers with LwF's loss, and keep what an autoencoder of the old task sees in the features.

    ``loss = LwF + code_weight / 2 · |code(f) - code(f*)|²``, f and f* being the last maps (pool5) of a new image in the
    net in training and in the source net. The autoencoder is trained before, on old images: it reconstructs features
    such that the old classifier can still tell their classes. Features are standardised by the old images.

    Parameters
    ----------
    weight, temperature, warm_up : as in LwF.
    code_weight : the paper's alpha.
    code : hidden units of the autoencoder.
    images : training images of the old task for the autoencoder.
    iterations : of its training.
    """
    old = old_net(setting)
    begun = start(setting, head)
    blob, output = last_maps(old), begun.extended.old_output
    features = before_dropout(old.graph, blob)

    def autoencoder(network: Network) -> Autoencoder:
        source = setting.model.network(network.device)
        return encode_old_task(source, blob, output, some_old_images(setting, images), code, iterations, setting.seed)

    teacher = Teacher(setting.model, [output, blob])
    terms = [
        Distillation(teacher, output, weight, temperature),
        KeptCode(teacher, autoencoder, blob, features, code_weight),
    ]
    return begun.in_stages(warmed_up(begun, warm_up, old_head=True), terms=terms)


def encode_old_task(
    network: Network, blob: str, output: str, images: Iterable[Batch], code: int, iterations: int, seed: int
) -> Autoencoder:
    """Train an undercomplete autoencoder on a task's features: reconstruct them, and what they are good for.

    The loss is `reconstruction_loss` plus the cross-entropy of the old classifier on the reconstructed features (the
    paper weighs the two; here both count alike).

    Parameters
    ----------
    network : trained for the task, in the TEST phase.
    blob : of the features.
    output : blob of the class scores.
    images : of the task.
    code, iterations, seed : see `prepare_ebll`.
    """
    features, labels = features_of(network, blob, images)
    shape = features.shape[1:]

    def loss(made: Autoencoder, batch: Tensor, rows: Tensor) -> Tensor:
        decoded = made.decoded(made.code(batch))
        back = decoded / made.scale + made.mean
        (scores,) = network.run({network.graph.value(blob): back.unflatten(1, shape)}, keep=[output]).values()
        return reconstruction_loss(decoded, made.standardised(batch)) + F.cross_entropy(scores, labels[rows])

    return train_autoencoder(features.flatten(1), code, "sigmoid", loss, iterations, seed)


def before_dropout(graph: NetGraph, blob: str) -> Value:
    """What a blob holds before the Dropout layers that stand last on its way, in place or not."""
    value = graph.value(blob)
    while graph.producer(value).type == "Dropout":
        value = graph.producer(value).bottoms[0]
    return value


class KeptCode(NoTerm):
    """Adds ``weight / 2 · |code(f) - code(f*)|²``, mean over images.

    Parameters
    ----------
    teacher : the source net, which gives f*.
    autoencoder : makes the autoencoder when training starts.
    blob : of the features f*.
    features : the value f in the net in training, before Dropout.
    weight : the paper's alpha.
    """

    def __init__(
        self,
        teacher: Teacher,
        autoencoder: Callable[[Network], Autoencoder],
        blob: str,
        features: Value,
        weight: float,
    ) -> None:
        self.keeps = (features,)
        self.teacher, self.blob, self.features, self.weight = teacher, blob, features, weight
        self._make = autoencoder
        self.autoencoder: Autoencoder | None = None

    def start(self, network: Network) -> None:
        """Train the autoencoder."""
        self.teacher.start(network)
        self.autoencoder = self._make(network)

    def loss(self, network: Network, batch: Batch, values: Mapping[Kept, Tensor]) -> Tensor | None:
        """Compare the codes of both nets' features."""
        assert self.autoencoder is not None  # start comes first
        old, new = self.teacher.values(batch)[self.blob], values[self.features]
        away = self.autoencoder.code(new.flatten(1)) - self.autoencoder.code(old.flatten(1))
        return self.weight / 2 * away.square().sum(1).mean()
