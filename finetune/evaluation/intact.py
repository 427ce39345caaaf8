"""The source net before it learns: what it says is computed once, and holds for every net that still has it inside."""

from __future__ import annotations

from collections.abc import Generator, Hashable

import numpy as np

from finetune.evaluation.filter_changes import Net
from finetune.evaluation.heads import class_scores, trunk_value
from finetune.evaluation.probe import Kind, probe_accuracy
from finetune.evaluation.scores import Crops, Scorer, Scores
from finetune.tasks.task import Part
from prototxt.common.progress import Progress
from prototxt.formats.schema import LayerParameter
from prototxt.net.graph import NetGraph, Node
from prototxt.net.phases import filter_net
from prototxt.pixels.preprocess import Preprocessing

FOR_TRAINING = ("param", "propagate_down", "phase", "include", "exclude", "loss_weight")
"""Fields of a layer that say nothing of what it computes in a test."""


class Intact:
    """A source net and its scores, kept for as long as the object lives.

    A method that leaves the old path alone (a head on a frozen net, filters of the new task's own) need not be
    evaluated on the old task again: the same layers with the same weights give the same scores.

    Parameters
    ----------
    source : the source net.
    preprocessing : of it.
    """

    def __init__(self, source: Net, preprocessing: Preprocessing) -> None:
        self._source, self._preprocessing = source, preprocessing
        self._output = class_scores(source.net)
        self._scores: dict[Hashable, Scores] = {}
        self._probes: dict[Hashable, float] = {}

    def is_in(self, net: Net, output: str) -> bool:
        """Whether the layers that lead to a blob of ``net`` are those of the source net, with the same weights."""
        before, after = _path(self._source, self._output), _path(net, output)
        return len(before) == len(after) and all(
            _computes(one) == _computes(other) and self._same_weights(net, one.name)
            for one, other in zip(before, after, strict=True)
        )

    def scoring(
        self, key: Hashable, part: Part, crops: Crops, device: str = "cpu"
    ) -> Generator[Progress, None, Scores]:
        """Class scores for every image of a part; ``key`` tells part and crops from others."""
        if key not in self._scores:
            self._scores[key] = yield from self._scorer(crops, device).scoring(part, self._output)
        return self._scores[key]

    def probing(
        self, key: Hashable, train: Part, test: Part, kind: Kind, device: str = "cpu"
    ) -> Generator[Progress, None, float]:
        """Accuracy of a new linear classifier on the trunk; ``key`` tells parts and kind from others."""
        if key not in self._probes:
            scorer, value = self._scorer("centre", device), trunk_value(self._source.net, self._output)
            learnt = yield from scorer.features(train, value)
            asked = yield from scorer.features(test, value)
            self._probes[key] = probe_accuracy(learnt, train.labels, asked, test.labels, kind)
        return self._probes[key]

    def _scorer(self, crops: Crops, device: str) -> Scorer:
        return Scorer(self._source.net, self._source.weights, self._preprocessing, crops, device)

    def _same_weights(self, net: Net, layer: str) -> bool:
        before, after = self._source.weights.get(layer, ()), net.weights.get(layer, ())
        return len(before) == len(after) and all(map(np.array_equal, before, after))


def _path(net: Net, output: str) -> tuple[Node, ...]:
    graph = NetGraph(filter_net(net.net, "TEST"))
    return graph.ancestors([graph.value(output)])


def _computes(node: Node) -> tuple[bytes, tuple[object, ...]]:
    """What a layer computes in a test, from which values."""
    layer = LayerParameter()
    layer.CopyFrom(node.layer)
    for field in FOR_TRAINING:
        layer.ClearField(field)
    return layer.SerializeToString(deterministic=True), (*node.bottoms, *node.tops)
