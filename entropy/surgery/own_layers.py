"""The new task gets its own copies of some layers; the old ones stay for the old head."""

from __future__ import annotations

from collections.abc import Sequence

from entropy.errors import SurgeryError
from entropy.surgery.extended import Additions, Extended, extend, open_old
from entropy.surgery.heads import TaskHead, place_head
from entropy.surgery.paths import PathCopier, closed, leading_to, with_companions
from prototxt.formats.schema import NetParameter
from prototxt.formats.weights import Weights


def add_own_layers(
    net: NetParameter,
    weights: Weights,
    layers: Sequence[str],
    head: TaskHead,
    *,
    suffix: str = "_new",
    seed: int = 0,
) -> Extended:
    """Copy layers for the new task, which may teach the copies while the old net stays frozen.

    From the first own layer on the new task has a path of its own to its head. ReLU, pooling, dropout and the like on
    it are copied; so are BatchNorm, Scale, Bias and PReLU layers that belong to the filters of an own layer, and their
    copies learn with it. Layers with weights that the path leads through although they are not among the own ones (fc6
    between an own conv5 and a head on fc7) are there a second time too, but share the old layers' parameters, frozen.

    Parameters
    ----------
    net, weights : the old deploy net.
    layers : names, such as ``("fc6", "fc7")``.
    head : ``head.on`` names old blobs; of those on the new task's path it reads the new task's.
    suffix : ``fc6_new`` is the copy of ``fc6``.
    seed : of the head's initial weights. The copies start with the old layers' weights.

    Raises
    ------
    SurgeryError : a layer has no weights, or does not lead to the head; a name is taken.
    NetError : there is no such layer, or the weights are not the net's.
    """
    old, added = open_old(net, weights), Additions()
    nodes, path = leading_to(old, layers, head)
    for node in nodes:
        if node.name not in old.weights:
            raise SurgeryError(f"{node}: has no weights, so the new task cannot have its own; name layers that learn")
    own = {name for node in nodes for name in with_companions(old, node)}
    blobs = PathCopier(old, added, suffix, own).copy(closed(old.graph, {*nodes, *path}))
    output = place_head(old, added, head, blobs)
    return extend(old, added, output, seed)
