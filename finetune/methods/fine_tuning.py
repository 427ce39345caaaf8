"""Plain fine-tuning: everything learns, and the old task is not thought of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from entropy.split_folder.training_net import Head, with_head
from finetune.methods.registry import method
from finetune.training.prepared import Prepared, Setting, Stage
from prototxt.formats.schema import NetParameter
from prototxt.net.graph import NetGraph
from prototxt.net.phases import filter_net
from torchcaffe.network import Network


@dataclass(frozen=True)
class TwoHeads:
    """A net with the old head and a new one; see `Prepared` for the fields."""

    net: NetParameter
    weights: dict[str, list[np.ndarray]]
    old_output: str
    new_output: str


def two_heads(setting: Setting) -> TwoHeads:
    """Put a new classifier beside the old one, of its kind and on the blob that it reads.

    Raises
    ------
    PlanError : the net has no classifier, or the head's name is taken.
    """
    deploy = filter_net(setting.model.net, "TEST")
    with_new = with_head(deploy, Head(setting.head, len(setting.target.classes), setting.head_rates))
    known = {layer.name for layer in deploy.layer}
    net = NetParameter()
    net.CopyFrom(deploy)
    net.layer.extend(layer for layer in with_new.layer if layer.name not in known)
    filled = Network(with_new, "TEST", weights=setting.model.weights, seed=setting.seed).weights()
    weights = {**setting.model.weights, setting.head: filled[setting.head]}
    graph = NetGraph(deploy)
    producer = graph.producer(graph.outputs[-1])
    old = producer.bottoms[0] if producer.type == "Softmax" else graph.outputs[-1]
    return TwoHeads(net, weights, old.blob, NetGraph(with_new).outputs[-1].blob)


@method("fine-tuning", "fine-tuning", "Girshick et al. (2014), section 2.3")
def fine_tuning(setting: Setting) -> Prepared:
    """Train all layers for the new task at the full rate."""
    heads = two_heads(setting)
    rates = {layer.name: 1.0 for layer in heads.net.layer}
    return Prepared(heads.net, heads.weights, heads.old_output, heads.new_output, (Stage(1.0, rates),))
