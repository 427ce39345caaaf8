"""Up to where a net gives the same for an image in every iteration, because nothing below learns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prototxt.net.graph import ACTIVATION_TYPES, Node, Value
from torchcaffe.layer import Layer
from torchcaffe.network import Network
from torchcaffe.tape import values_that_need_gradient

# What these give for an image depends on that image alone, where their axis is not that of the batch.
PER_IMAGE = ACTIVATION_TYPES | {
    "BatchNorm", "Bias", "Concat", "Convolution", "Deconvolution", "Eltwise", "Exp", "Flatten", "InnerProduct", "LRN",
    "Log", "Pooling", "Power", "Scale", "Slice", "Softmax", "Split",
}  # fmt: skip
AXES = ("concat_param", "flatten_param", "inner_product_param", "slice_param", "softmax_param", "scale_param")


def find_frontier(network: Network, image: Value, wanted: Iterable[Value]) -> tuple[Value, ...]:
    """Find the values from which the rest of a net can be computed, and that do not change while it learns.

    Parameters
    ----------
    network : its rates are set (`finetune.training.rates.set_rates`).
    image : the value that images go into.
    wanted : values that are asked of it.

    Returns
    -------
    Values that need no gradient and hold no random numbers, in the net's order; those alone that something which does
    change reads, or that are wanted. Empty where the first layer learns.
    """
    static = static_nodes(network, image)
    unchanging = {top for node in static for top in node.tops}
    asked = list(wanted)
    read = {value for node in network.graph.ancestors(asked) if node not in static for value in node.bottoms}
    return tuple(value for value in network.graph.values if value in unchanging and (value in read or value in asked))


def static_nodes(network: Network, image: Value) -> list[Node]:
    """Layers that give the same for an image in every iteration."""
    learning = values_that_need_gradient(network)
    known = {image}
    found = []
    for node, layer in zip(network.graph.layers, network.layers, strict=True):
        if node.bottoms and known.issuperset(node.bottoms) and learning.isdisjoint(node.tops) and _is_per_image(layer):
            known.update(node.tops)
            found.append(node)
    return found


def reads(network: Network, image: Value, wanted: Iterable[Value], given: Iterable[Value]) -> bool:
    """Whether the image itself is read to compute the wanted values where some are given."""
    known = set(given)
    needed = set(wanted) - known
    for node in reversed(network.graph.layers):
        if not needed.isdisjoint(node.tops):
            needed.update(value for value in node.bottoms if value not in known)
    return image in needed


def parameter_versions(network: Network, nodes: Sequence[Node]) -> tuple[tuple[int, int], ...]:
    """Changes when somebody changes a parameter of these layers."""
    return tuple((id(blob), blob._version) for node in nodes for blob in network.layers[node.index].blobs)


def _is_per_image(layer: Layer) -> bool:
    if layer.type == "Dropout":
        return not layer.training_phase
    if layer.type == "BatchNorm":
        return layer.param.batch_norm_param.use_global_stats or not layer.training_phase
    return layer.type in PER_IMAGE and not any(
        layer.param.HasField(field) and getattr(layer.param, field).axis == 0 for field in AXES
    )
