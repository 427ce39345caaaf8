"""Proof that an extended net does what the old one did: everything that the old layers write, bit by bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from entropy.errors import CheckError
from prototxt.common.real_caffe import find_caffe
from prototxt.formats.text import read_net
from prototxt.net.graph import NetGraph
from prototxt.net.shapes import infer_shapes

_LARGEST_PIXEL = 128


@dataclass(frozen=True)
class Preserved:
    """What was compared in one engine: ``tops`` of the old net's layers, equal to the bit."""

    engine: str
    tops: int


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
