"""Computes gradients in real Caffe. Called as ``caffe-python caffe_driver.py FOLDER``; needs pycaffe alone.

Written for the Python 3.9 that the installed Caffe comes with. The folder has net.prototxt, net.caffemodel, inputs.npz,
loss_weights.npy and job.json {blob, wanted ([layer, index of blob] or [input, -1], ...)}; gradients.npz is written.
"""

import json
import sys
from pathlib import Path
from typing import Any

import caffe  # type: ignore[import-not-found]
import numpy as np


def main() -> None:
    """Forward, set the gradient of the output, backward."""
    folder = Path(sys.argv[1])
    job = json.loads((folder / "job.json").read_text())
    caffe.set_mode_cpu()
    net = caffe.Net(str(folder / "net.prototxt"), str(folder / "net.caffemodel"), caffe.TEST)
    inputs = np.load(folder / "inputs.npz")
    for name in inputs.files:
        net.blobs[name].reshape(*inputs[name].shape)
        net.blobs[name].data[...] = inputs[name]
    net.forward()
    blob = net.blobs[job["blob"]]
    blob.diff[...] = np.load(folder / "loss_weights.npy").reshape(blob.diff.shape)
    net._backward(len(net.layers) - 1, 0)
    gradients: Any = {}
    for number, (name, index) in enumerate(job["wanted"]):
        gradients[str(number)] = net.blobs[name].diff if index < 0 else net.params[name][index].diff
    np.savez(folder / "gradients.npz", **gradients)


if __name__ == "__main__":
    main()
