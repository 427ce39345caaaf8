"""Proof that an extended net does what the old one did: the weights and tops of old layers, bit by bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from entropy.errors import CheckError
from entropy.split_folder import folder as names
from entropy.split_folder.extension_file import ExtensionFile, old_weights, read_extension
from prototxt.common.real_caffe import find_caffe
from prototxt.formats.text import read_net
from prototxt.formats.weights import Weights, read_weights, weights_hash
from prototxt.net.graph import NetGraph
from prototxt.net.shapes import infer_shapes

_LARGEST_PIXEL = 128


@dataclass(frozen=True)
class Preserved:
    """What was compared in one engine: ``tops`` of the old net's layers, equal to the bit."""

    engine: str
    tops: int


def proving_preserved(folder: Path, *, use_caffe: bool = True) -> Iterator[Preserved]:
    """Prove for a folder whose deploy net has both heads that the old net is in it as it was; nothing for others.

    Where filters were freed the old net is the one whose weights on them were cut, since that changed it.

    Raises
    ------
    CheckError : the weights of old layers are not those that `write` found, or a top differs.
    """
    extension = read_extension(folder, names.EXTENSION)
    if extension is None:
        return
    path = folder / names.DEPLOY_WEIGHTS
    check_old_weights(extension, read_weights(path), path)
    yield from comparing_old_tops(folder / names.SOURCE_NET, folder / names.DEPLOY, path, use_caffe=use_caffe)


def check_old_weights(extension: ExtensionFile, weights: Weights, path: Path) -> None:
    """Refuse weights of the deploy net whose old layers are not the old net's.

    Raises
    ------
    CheckError : they are others.
    """
    if weights_hash(old_weights(weights, extension.new_layers)) != extension.old_hash:
        raise CheckError(f"{path}: the weights of the old layers are not those of the old net; write the folder again")


def comparing_old_tops(
    old: Path, extended: Path, weights: Path, *, use_caffe: bool = True, seed: int = 0
) -> Iterator[Preserved]:
    """Run the old net and the extended one on the same random image and compare every top of every old layer.

    Parameters
    ----------
    old, extended : prototxts of the two deploy nets.
    weights : caffemodel of the extended net; the old one takes its layers from it too.
    use_caffe : also in real Caffe, where it is installed.

    Yields
    ------
    Preserved : for each engine, as soon as it is known.

    Raises
    ------
    CheckError : a top differs; names the first.
    """
    from converters.engines import ENGINES, Job

    graph = NetGraph(read_net(old))
    shape = infer_shapes(graph).values[graph.inputs[0]]
    image = np.random.default_rng(seed).uniform(-_LARGEST_PIXEL, _LARGEST_PIXEL, shape).astype(np.float32)
    wanted = tuple((node.name, place) for node in graph.layers if node.bottoms for place in range(len(node.tops)))
    for name in ("torchcaffe", *(["caffe"] if use_caffe and find_caffe("caffe-python") else [])):
        jobs = [Job(net.resolve(), weights.resolve(), (image,), wanted) for net in (old, extended)]
        before, after = ENGINES.find(name).run(jobs)
        for top in wanted:
            if before[top].shape != after[top].shape or before[top].tobytes() != after[top].tobytes():
                difference = np.abs(before[top] - after[top]).max()
                raise CheckError(
                    f"{name}: layer {top[0]!r} gives something else in {extended} than in {old}; the largest "
                    f"difference is {difference:.3g}, and there must be none: write the folder again"
                )
        yield Preserved(name, len(wanted))
