"""OpenCV's reader of Caffe nets: a second opinion, incomplete, and wrong in places that are listed here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np

from converters.engines.engine import Engine, Job, NotSupportedError, Top, by_name
from converters.engines.registry import engine
from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.formats.text import read_net

# Seen with OpenCV 4.14: layers that it does not know, or computes otherwise than Caffe.
GAPS: dict[str, Callable[[LayerParameter], bool]] = {
    "Reduction": lambda layer: True,
    "Bias": lambda layer: True,
    "Tile": lambda layer: True,
    "DummyData": lambda layer: True,
    "Clip": lambda layer: True,
    "LRN": lambda layer: layer.lrn_param.k != 1,
    "PReLU": lambda layer: layer.prelu_param.channel_shared,
}


@engine("opencv")
class OpenCV(Engine):
    """``cv2.dnn.readNetFromCaffe``, with its fusion of layers turned off."""

    bar = 1e-4

    def version(self) -> str:
        """Version of OpenCV."""
        return f"OpenCV {cv2.__version__}"

    def run(self, jobs: Sequence[Job]) -> Iterator[dict[Top, np.ndarray]]:
        """See `Engine.run`."""
        for job in jobs:
            if job.caffemodel.suffix == ".h5":
                raise NotSupportedError("OpenCV reads no weights from HDF5")
            _check(read_net(job.prototxt))
            try:
                net = cv2.dnn.readNetFromCaffe(str(job.prototxt), str(job.caffemodel))
                net.enableFusion(False)
                for feed in job.inputs:
                    for name, array in by_name(feed, [""]).items():
                        net.setInput(array, name)
                    yield _forward(net, job.wanted)
            except cv2.error as error:
                raise NotSupportedError(str(error).strip().splitlines()[-1]) from error


def _forward(net: cv2.dnn.Net, wanted: Sequence[Top]) -> dict[Top, np.ndarray]:
    known = set(net.getLayerNames())
    tops = [top for top in wanted if top[0] in known and top[1] == 0]
    if not tops:
        raise NotSupportedError("it gives none of the outputs that are to be compared")
    results = net.forward([layer for layer, _ in tops])
    return {top: np.array(result) for top, result in zip(tops, results, strict=True)}


def _check(net: NetParameter) -> None:
    if not hasattr(cv2.dnn, "readNetFromCaffe"):
        raise NotSupportedError(f"OpenCV {cv2.__version__} has no reader for Caffe nets; 4.10 to 4.14 have")
    gaps = [f"{layer.name} ({layer.type})" for layer in net.layer if GAPS.get(layer.type, lambda layer: False)(layer)]
    if gaps:
        raise NotSupportedError(f"OpenCV lacks, or computes otherwise: {', '.join(gaps)}")
