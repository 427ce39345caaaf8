"""Gradients of inputs in real Caffe. Called as ``caffe-python caffe_gradients.py jobs.json``; runs in Python 3.9.

Each job is [prototxt, caffemodel, outputs, arrays (.npz: ``weights_OUTPUT`` of its values, ``in_NAME`` of each input),
where the gradient of the first input for each output goes (.npz)].
"""

import json
import sys

import caffe  # type: ignore[import-not-found]
import numpy as np


def main() -> None:
    caffe.set_mode_cpu()
    with open(sys.argv[1]) as file:
        jobs = json.load(file)
    for prototxt, caffemodel, outputs, arrays, target in jobs:
        net = caffe.Net(str(prototxt), str(caffemodel), caffe.TEST)
        given = np.load(arrays)
        for key in given.files:
            if key.startswith("in_"):
                blob = net.blobs[key[3:]]
                blob.reshape(*given[key].shape)
                blob.data[...] = given[key]
        net.forward()
        gradients = {}
        for output in outputs:
            for blob in net.outputs:
                net.blobs[blob].diff[...] = 0
            weights = given["weights_" + output]
            net.blobs[output].diff[...] = weights.reshape(net.blobs[output].diff.shape)
            net.backward()
            gradients[output] = net.blobs[net.inputs[0]].diff.copy()
        np.savez(target, **gradients)


if __name__ == "__main__":
    main()
