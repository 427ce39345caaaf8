"""A head for a new task: a classifier beside the old one, on what that reads or on several blobs ("wide head")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from entropy.errors import SurgeryError
from entropy.surgery.classifier import classifier_path, find_classifier, like_classifier
from entropy.surgery.extended import Additions, Extended, OldNet, extend, open_old
from prototxt.formats.schema import FillerParameter, LayerParameter, NetParameter
from prototxt.formats.weights import Weights
from prototxt.net.build import layer as make_layer
from prototxt.net.build import net as make_net
from prototxt.net.graph import Node
from prototxt.net.shapes import infer_shapes


def _narrow_gaussian() -> FillerParameter:
    return FillerParameter(type="gaussian", std=0.01)


@dataclass(frozen=True)
class TaskHead:
    """The classifier of a new task, beside the old one.

    Parameters
    ----------
    name : of the classifier layer and of its blob of class scores.
    classes : number of outputs.
    on : old blobs that it reads, such as ``("pool5", "fc7")``. Where the new task has its own copy of one of them, it
        reads the copy. Several blobs, and blobs with positions, are flattened and concatenated for an InnerProduct. By
        default (empty) the head is of the old classifier's kind, and reads what that reads.
    rates : lr_mult of its weights and of its bias.
    dropout : share of its inputs that is dropped in training; 0 for no Dropout layer.
    filler : of its weights; the bias starts with 0.
    """

    name: str
    classes: int
    on: tuple[str, ...] = ()
    rates: tuple[float, float] = (10.0, 20.0)
    dropout: float = 0.0
    filler: FillerParameter = field(default_factory=_narrow_gaussian)

    def __post_init__(self) -> None:
        if self.classes < 1:
            raise SurgeryError(f"head {self.name!r}: needs at least one class; got {self.classes}")
        if not 0 <= self.dropout < 1:
            raise SurgeryError(f"head {self.name!r}: dropout must be a share in [0, 1); got {self.dropout:g}")


def add_head(net: NetParameter, weights: Weights, head: TaskHead, *, seed: int = 0) -> Extended:
    """Give a frozen net another head; nothing else is new.

    Parameters
    ----------
    net, weights : the old deploy net.
    head : on the blobs of which the new task is read off.
    seed : of the head's initial weights.

    Raises
    ------
    SurgeryError : a name is taken, or the old net has no classifier to take as a pattern.
    NetError : there is no such blob, or the weights are not the net's.
    """
    old, added = open_old(net, weights), Additions()
    output = place_head(old, added, head)
    return extend(old, added, output, seed)


def read_by_classifier(old: OldNet) -> str:
    """The blob that the classifier of the oldest head reads."""
    return find_classifier(old.graph, old.outputs[0]).bottoms[0].blob


def place_head(old: OldNet, added: Additions, head: TaskHead, own: Mapping[str, str] | None = None) -> str:
    """Add a head's layers.

    Parameters
    ----------
    own : old blob to the new task's own version of it, which the head reads in its place.

    Returns
    -------
    The blob of its class scores.
    """
    own = own or {}
    if head.on:
        for blob in head.on:
            old.graph.value(blob)
        return place_wide_head(old, added, head, [own.get(blob, blob) for blob in head.on])
    classifier = find_classifier(old.graph, old.outputs[0])
    blobs: dict[str, str] = dict(own)
    reads = _with_dropout(added, head, blobs.get(classifier.bottoms[0].blob, classifier.bottoms[0].blob))
    for node in classifier_path(old.graph, classifier, old.outputs[0]):
        if node is classifier:
            layer = like_classifier(node.layer, head.name, head.classes, head.rates, head.filler)
            layer.bottom[:] = [reads]
        else:
            layer = _behind(node, head.name, blobs)
        blobs[node.tops[0].blob] = layer.top[0]
        added.layers.append(layer)
    return blobs[old.outputs[0]]


def place_wide_head(old: OldNet, added: Additions, head: TaskHead, reads: Sequence[str]) -> str:
    """Add an InnerProduct on one or several blobs of the net with what was added so far.

    Returns
    -------
    The blob of its class scores.
    """
    shapes = infer_shapes(make_net("", [*old.net.layer, *added.layers]))
    flat = list(dict.fromkeys(reads))
    if len(flat) > 1:
        flat = [_flattened(added, head.name, blob, len(shapes.blob(blob))) for blob in flat]
        added.layers.append(make_layer("Concat", f"{head.name}_in", flat))
    bottom = _with_dropout(added, head, added.layers[-1].top[0] if len(flat) > 1 else flat[0])
    pattern = make_layer("InnerProduct", head.name, bottom)
    added.layers.append(like_classifier(pattern, head.name, head.classes, head.rates, head.filler))
    return head.name


def _flattened(added: Additions, head: str, blob: str, axes: int) -> str:
    if axes == 2:
        return blob
    added.layers.append(make_layer("Flatten", f"{head}_{blob}", blob))
    return f"{head}_{blob}"


def _with_dropout(added: Additions, head: TaskHead, bottom: str) -> str:
    """Not in place: others may read the blob too."""
    if not head.dropout:
        return bottom
    name = f"{head.name}_drop"
    added.layers.append(make_layer("Dropout", name, bottom, dropout_param={"dropout_ratio": head.dropout}))
    return name


def _behind(node: Node, head: str, blobs: Mapping[str, str]) -> LayerParameter:
    """Copy a layer that stands between the old classifier and its scores."""
    layer = LayerParameter()
    layer.CopyFrom(node.layer)
    layer.name = f"{head}_{node.name}"
    layer.bottom[:] = [blobs[node.bottoms[0].blob]]
    layer.top[:] = [layer.bottom[0] if node.in_place else layer.name]
    return layer
