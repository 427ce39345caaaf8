"""How much the net's output depends on a unit: two measures from one backward pass.

Both follow the squared length of the output, ‖F(x)‖², which needs no labels (Aljundi et al. 2018). F is what goes into
a Softmax at the end, else the output itself.

- Taylor (Molchanov et al. 2017): |mean over the map of activation · gradient|, the first-order estimate of
  how ‖F‖² changes when the unit is taken away, after the activation.
- MAS (Aljundi et al. 2018, for the unit's bias): |sum over the map of the gradient of the layer's own top|.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from deepvis.model.model import Model, UnitLayer
from entropy.measuring import scan_layout as layout
from prototxt.net.graph import Value
from torchcaffe.network import Network


def score(model: Model) -> Value:
    """Give the output whose squared length is followed."""
    producer = model.graph.producer(model.output)
    return producer.bottoms[0] if producer.type == "Softmax" else model.output


def run_with_importance(
    network: Network, blobs: Tensor, model: Model, layers: Sequence[UnitLayer], keep: Sequence[Value]
) -> tuple[dict[Value, Tensor], dict[str, Tensor]]:
    """Run a net forward and back.

    Parameters
    ----------
    blobs : (B, …) inputs, of `deepvis.model.feed.Feed.image_shape`.
    layers : whose units are measured, C in all.
    keep : values that are wanted.

    Returns
    -------
    The wanted values without gradients, and ``taylor`` and ``mas``, each (B, C) float64, 0 or greater. A unit that the
    output does not depend on has 0.
    """
    posts, befores = [layer.value for layer in layers], [layer.before for layer in layers]
    wanted = list(dict.fromkeys([*keep, *posts, *befores, score(model)]))
    with torch.inference_mode(False), torch.enable_grad():
        values = network.run(model.feed.inputs(blobs.clone().requires_grad_()), keep=wanted)
        objective = values[score(model)].square().sum()
        asked = list(dict.fromkeys([*posts, *befores]))
        found = torch.autograd.grad(objective, [values[value] for value in asked], allow_unused=True)
    gradients = dict(zip(asked, found, strict=True))
    values = {value: array.detach() for value, array in values.items()}
    layouts = [layer.layout for layer in layers]
    products = [
        layout.maps(_gradient(gradients, values, value) * values[value])
        for layout, value in zip(layouts, posts, strict=True)
    ]
    biases = [layout.maps(_gradient(gradients, values, value)) for layout, value in zip(layouts, befores, strict=True)]
    return values, {
        layout.TAYLOR: torch.cat([product.flatten(2).mean(2) for product in map(_as_maps, products)], 1).abs(),
        layout.MAS: torch.cat([gradient.flatten(2).sum(2) for gradient in map(_as_maps, biases)], 1).abs(),
    }


def _gradient(gradients: Mapping[Value, Tensor | None], values: Mapping[Value, Tensor], value: Value) -> Tensor:
    """Gradient of a value in float64; zeros where the output does not depend on it."""
    found = gradients[value]
    return torch.zeros_like(values[value], dtype=torch.float64) if found is None else found.double()


def _as_maps(values: Tensor) -> Tensor:
    """(B, C, …): those of a fully connected layer get one position."""
    return values if values.dim() > 2 else values[:, :, None]
