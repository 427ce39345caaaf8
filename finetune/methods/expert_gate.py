"""Expert Gate: an autoencoder for each task says which task an image belongs to, and so which head answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from finetune.errors import ExperimentError
from finetune.methods.parts.autoencoder import Autoencoder, train_autoencoder
from finetune.methods.parts.features import features_of
from finetune.methods.parts.grids import BASE_LR
from finetune.methods.parts.images import some_images
from finetune.methods.parts.start import last_maps, old_net
from finetune.methods.registry import METHODS, Preparing, method
from finetune.training.prepared import Prepared, Setting
from prototxt.common.progress import Progress
from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.formats.weights import Weights
from prototxt.net.build import layer
from prototxt.net.graph import NetGraph

TASKS = ("old", "new")
GATE = "gate"


@method(
    "expert-gate",
    "Expert Gate",
    "Aljundi, Chakravarty & Tuytelaars (CVPR 2017), section 3",
    BASE_LR,
    expert="own-net",
    code=100,
    images=1000,
    iterations=1000,
)
def prepare_expert_gate(setting: Setting, expert: str, code: int, images: int, iterations: int) -> Preparing:
    """Train an expert of its own for the new task, and let autoencoders choose between the experts.

    Each task has an autoencoder of the source net's last maps (pool5): they are standardised by the task's images and
    squashed by a sigmoid; a hidden layer of ReLU and an output of sigmoids reconstruct them. The task whose autoencoder
    reconstructs an image best answers. So the accuracy without being told the task can be given, too. The gate is made
    of Caffe's own layers, in the same net.

    Otherwise than in the paper the reconstruction error is squared, not a cross-entropy, and the threshold on task
    relatedness, which chooses between fine-tuning and LwF, is not applied: ``expert`` says what is done.

    Parameters
    ----------
    expert : method that trains the new task; it must leave the layers up to the last maps as they are.
    code : hidden units of an autoencoder.
    images : training images of each task for its autoencoder.
    iterations : of their training.

    Raises
    ------
    ExperimentError : there is no such method, or it trains what the gate looks at.
    """
    if expert not in METHODS or expert == "expert-gate":
        raise ExperimentError(f"expert-gate: there is no method {expert!r} for the expert; use one of {_experts()}")
    prepared = yield from METHODS[expert].preparing(setting)
    blob = last_maps(old_net(setting))
    _refuse_moving(prepared, blob, expert)
    network = setting.model.network(setting.device)
    net, weights = NetParameter(), dict(prepared.weights)
    net.CopyFrom(prepared.net)
    net.layer.append(layer("Flatten", f"{GATE}_in", blob))
    parts = setting.source.train, setting.target.train
    for number, (task, part) in enumerate(zip(TASKS, parts, strict=True)):
        yield Progress(number, len(TASKS), "gate: autoencoders")
        features, _ = features_of(network, blob, some_images(setting, part, images))
        made = train_autoencoder(features.flatten(1), code, "relu", squashed_loss, iterations, setting.seed)
        net.layer.extend(autoencoder_layers(task, made))
        weights |= autoencoder_weights(task, made)
    net.layer.append(layer("Concat", GATE, [f"{GATE}_{task}" for task in TASKS]))
    return replace(prepared, net=net, weights=weights, gate=GATE)


def squashed_loss(made: Autoencoder, features: Tensor, rows: Tensor) -> Tensor:
    """Squared distance of squashed features and their reconstruction, sum over features, mean over images."""
    return reconstruction_error(made, features).mean()


def reconstruction_error(made: Autoencoder, features: Tensor) -> Tensor:
    """The same for every image, (N,)."""
    return (
        (torch.sigmoid(made.decoded(made.code(features))) - torch.sigmoid(made.standardised(features))).square().sum(1)
    )


def autoencoder_layers(task: str, made: Autoencoder) -> list[LayerParameter]:
    """Write an autoencoder and its error as layers, frozen; the last gives minus the error, (N, 1)."""
    name = f"{GATE}_{task}"
    hidden, size = made.encode[0].shape
    still = [{"lr_mult": 0, "decay_mult": 0}] * 2
    return [
        layer("Scale", f"{name}_standard", f"{GATE}_in", param=still, scale_param={"bias_term": True}),
        layer("Sigmoid", f"{name}_squashed", f"{name}_standard"),
        layer("InnerProduct", f"{name}_code", f"{name}_standard", param=still,
              inner_product_param={"num_output": hidden}),
        layer("ReLU", f"{name}_relu", f"{name}_code", f"{name}_code"),
        layer("InnerProduct", f"{name}_decoded", f"{name}_code", param=still,
              inner_product_param={"num_output": size}),
        layer("Sigmoid", f"{name}_reconstructed", f"{name}_decoded"),
        layer("Eltwise", f"{name}_difference", [f"{name}_squashed", f"{name}_reconstructed"],
              eltwise_param={"operation": "SUM", "coeff": [1, -1]}),
        layer("Reduction", f"{name}_error", f"{name}_difference",
              reduction_param={"operation": "SUMSQ", "axis": 1, "coeff": -1}),
        layer("Reshape", name, f"{name}_error", reshape_param={"shape": {"dim": [0, 1]}}),
    ]  # fmt: skip


def autoencoder_weights(task: str, made: Autoencoder) -> Weights:
    """The weights of `autoencoder_layers`."""
    name = f"{GATE}_{task}"
    blobs = {
        f"{name}_standard": (made.scale, -made.mean * made.scale),
        f"{name}_code": made.encode,
        f"{name}_decoded": made.decode,
    }
    return {layer: [blob.cpu().numpy().astype(np.float32) for blob in pair] for layer, pair in blobs.items()}


def _refuse_moving(prepared: Prepared, blob: str, expert: str) -> None:
    graph = NetGraph(prepared.net)
    below = {node.name for node in graph.ancestors([graph.value(blob)])}
    moving = [name for stage in prepared.stages for name, rate in stage.rates.items() if name in below and np.any(rate)]
    if moving:
        raise ExperimentError(
            f"expert-gate: method {expert!r} trains layer {moving[0]!r}, which leads to {blob!r}, where the gate "
            "looks; take an expert that leaves these layers as they are, such as own-net"
        )


def _experts() -> str:
    return ", ".join(sorted(set(METHODS) - {"expert-gate"}))
