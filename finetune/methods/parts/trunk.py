"""What the layers of a trained net are for: its convolutions, its hidden fully connected layers, its classifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from finetune.errors import ExperimentError
from finetune.training.prepared import Rates
from prototxt.formats.schema import NetParameter
from prototxt.net.graph import NORMALISATION_TYPES, NetGraph
from prototxt.net.shapes import infer_shapes

FILTERS = frozenset({"Convolution", "Deconvolution"})


@dataclass(frozen=True)
class Trunk:
    """The layers with parameters that a net's class scores depend on, in the net's order.

    Parameters
    ----------
    convolutions : with filters.
    hidden : InnerProduct layers before the classifier.
    classifier : the last layer with units.
    companions : layer to those that learn something for each of its units: Scale, Bias and PReLU between it and its
        activation.
    others : all further ones (a PReLU or Scale that belongs to no single layer, LSTM, Embed …).
    """

    convolutions: tuple[str, ...]
    hidden: tuple[str, ...]
    classifier: str
    companions: Mapping[str, tuple[str, ...]]
    others: tuple[str, ...]

    @property
    def shared(self) -> tuple[str, ...]:
        """All but the classifier."""
        units = [*self.convolutions, *self.hidden]
        return (*units, *(name for unit in units for name in self.companions.get(unit, ())), *self.others)

    def with_companions(self, rates: Mapping[str, Rates]) -> dict[str, Rates]:
        """Give companions the rates of their layer, unit by unit."""
        following = {name: rate for unit, rate in rates.items() for name in self.companions.get(unit, ())}
        return {**rates, **following}


def find_trunk(net: NetParameter, scores: str) -> Trunk:
    """Tell the layers of a net apart.

    Parameters
    ----------
    net : deploy net.
    scores : blob of the class scores.

    Raises
    ------
    ExperimentError : no layer with units leads to the scores.
    """
    graph = NetGraph(net)
    learns = infer_shapes(graph).params
    nodes = [node for node in graph.ancestors([graph.value(scores)]) if node.name in learns]
    units = [node for node in nodes if node.type in FILTERS or node.type == "InnerProduct"]
    if not units:
        raise ExperimentError(f"no Convolution or InnerProduct layer leads to the class scores {scores!r} of the net")
    companions = {node.name: _companions(graph, node.name, learns) for node in units}
    known = {node.name for node in units} | {name for names in companions.values() for name in names}
    return Trunk(
        tuple(node.name for node in units[:-1] if node.type in FILTERS),
        tuple(node.name for node in units[:-1] if node.type == "InnerProduct"),
        units[-1].name,
        {name: found for name, found in companions.items() if found},
        tuple(node.name for node in nodes if node.name not in known and node.type != "BatchNorm"),
    )


def _companions(graph: NetGraph, layer: str, learns: Mapping[str, object]) -> tuple[str, ...]:
    """Layers of the chain from a layer's top to its value after the activation that learn; BatchNorm never does."""
    found = []
    value, end = graph.unit_value(layer, after=False), graph.unit_value(layer)
    while value != end:
        (node,) = graph.consumers(value)
        if node.name in learns and (node.type in NORMALISATION_TYPES - {"BatchNorm"} or node.type == "PReLU"):
            found.append(node.name)
        value = node.tops[0]
    return tuple(found)
