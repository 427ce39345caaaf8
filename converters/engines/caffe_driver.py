"""Runs nets in real Caffe, layer by layer. Called as ``caffe-python caffe_driver.py jobs.json``; needs pycaffe alone.

Written for the Python 3.9 that the installed Caffe comes with. ``jobs.json`` is a list of {prototxt, caffemodel, inputs
(.npz), feeds ([{input, "" for the only one: its key in inputs}, ...], one for each run), outputs (path to which .0.npz,
.1.npz, ... are added, one for each run), wanted ([layer, index of top], ...)}.
"""

import json
import sys
from typing import Any

import caffe  # type: ignore[import-not-found]
import numpy as np


def run(net: Any, feed: dict[str, np.ndarray], wanted: dict[tuple[str, int], int]) -> dict[str, np.ndarray]:
    """What each wanted top holds just after its layer has run: later layers may work in place on the same blob.

    Parameters
    ----------
    net : a ``caffe.Net``.
    feed : arrays by input, batch first, "" for the only one; the net is reshaped to them.
    wanted : number of each top by (layer, index among the layer's tops).

    Returns
    -------
    Float32 arrays by the number as text, which is what ``np.savez`` wants.
    """
    for name, array in feed.items():
        blob = net.blobs[name or net.inputs[0]]
        blob.reshape(*array.shape)
        blob.data[...] = array
    results = {}
    blobs = list(net._blob_names)
    for index, layer in enumerate(net._layer_names):
        net._forward(index, index)
        for place, top in enumerate(net._top_ids(index)):
            if (layer, place) in wanted:
                results[str(wanted[layer, place])] = net.blobs[blobs[top]].data.copy()
    return results


def main() -> None:
    """Run all jobs."""
    caffe.set_mode_cpu()
    with open(sys.argv[1]) as file:
        jobs = json.load(file)
    for job in jobs:
        net = caffe.Net(str(job["prototxt"]), str(job["caffemodel"]), caffe.TEST)
        wanted = {(layer, place): number for number, (layer, place) in enumerate(job["wanted"])}
        inputs = np.load(job["inputs"])
        for number, feed in enumerate(job["feeds"]):
            results: Any = run(net, {name: inputs[key] for name, key in feed.items()}, wanted)
            np.savez(f"{job['outputs']}.{number}.npz", **results)


if __name__ == "__main__":
    main()
