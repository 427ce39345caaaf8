"""Runs nets forward and backward in real Caffe. Called as ``caffe-python backward_driver.py jobs.json``.

Written for the Python 3.9 that the installed Caffe comes with. ``jobs.json`` lists [prototxt, caffemodel, stem]; beside
the stem lies ``.in.npz`` (images, top_diff), and ``.out.npz`` (top, bottom_diff) is written.
"""

import json
import sys

import caffe  # type: ignore[import-not-found]
import numpy as np

if __name__ == "__main__":
    caffe.set_mode_cpu()
    with open(sys.argv[1]) as file:
        jobs = json.load(file)
    for prototxt, caffemodel, stem in jobs:
        net = caffe.Net(str(prototxt), str(caffemodel), caffe.TEST)
        given = np.load(stem + ".in.npz")
        bottom, (top,) = net.blobs[net.inputs[0]], net.outputs
        bottom.reshape(*given["images"].shape)
        bottom.data[...] = given["images"]
        net.forward()
        net.blobs[top].diff[...] = given["top_diff"].reshape(net.blobs[top].data.shape)
        net.backward()
        np.savez(stem + ".out.npz", top=net.blobs[top].data, bottom_diff=bottom.diff)
