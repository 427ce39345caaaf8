"""Change a net by hand: its filters, and its fully connected layers into convolutions.

    torchcaffe run examples/pycaffe/net_surgery.py build/surgery

The same file runs in real Caffe's Python, and prints the same numbers.
"""

import argparse
import os

import caffe
import numpy as np
from caffe import layers as L
from shared import draw_digits, fill, numbers, write


def filters():
    """Three filters over a grey picture."""
    n = caffe.NetSpec()
    n.data = L.Input(shape=dict(dim=[1, 1, 28, 56]))
    n.conv = L.Convolution(n.data, num_output=3, kernel_size=5, weight_filler=dict(type="gaussian", std=0.01))
    return n.to_proto()


def classifier():
    """Convolutions, and two layers that see the whole picture."""
    n = caffe.NetSpec()
    n.data = L.Input(shape=dict(dim=[1, 1, 28, 28]))
    n.conv1 = L.Convolution(n.data, num_output=8, kernel_size=5, stride=2)
    n.relu1 = L.ReLU(n.conv1, in_place=True)
    n.pool1 = L.Pooling(n.conv1, kernel_size=2, stride=2)
    n.fc6 = L.InnerProduct(n.pool1, num_output=32)
    n.relu6 = L.ReLU(n.fc6, in_place=True)
    n.fc7 = L.InnerProduct(n.fc6, num_output=10)
    n.prob = L.Softmax(n.fc7)
    return n.to_proto()


def map_of_classes():
    """The same with convolutions in their place, for a wider picture."""
    n = caffe.NetSpec()
    n.data = L.Input(shape=dict(dim=[1, 1, 28, 84]))
    n.conv1 = L.Convolution(n.data, num_output=8, kernel_size=5, stride=2)
    n.relu1 = L.ReLU(n.conv1, in_place=True)
    n.pool1 = L.Pooling(n.conv1, kernel_size=2, stride=2)
    setattr(n, "fc6-conv", L.Convolution(n.pool1, num_output=32, kernel_size=6))
    n.relu6 = L.ReLU(n["fc6-conv"], in_place=True)
    setattr(n, "fc7-conv", L.Convolution(n["fc6-conv"], num_output=10, kernel_size=1))
    n.prob = L.Softmax(n["fc7-conv"])
    return n.to_proto()


def change_filters(folder):
    """Raise a bias; make filters that blur and that find edges."""
    net = caffe.Net(write(os.path.join(folder, "filters.prototxt"), filters()), caffe.TEST)
    fill(net, 1)
    pictures, _ = draw_digits(2, 3)
    picture = np.concatenate(list(pictures[:, 0]), axis=1) / np.float32(255)
    net.blobs["data"].reshape(1, 1, *picture.shape)
    net.reshape()
    net.blobs["data"].data[...] = picture
    net.forward()
    first = net.blobs["conv"].data[0, 0]
    print("mean before: {:.3f}".format(first.mean()))
    net.params["conv"][1].data[0] = 1
    net.forward()
    print("mean after its bias is 1: {:.3f}".format(first.mean()))
    net.params["conv"][1].data[...] = 0
    y, x = np.mgrid[-2:3, -2:3]
    blur = np.exp(-(x**2 + y**2) / 2.0)
    edges = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32)
    net.params["conv"][0].data[0] = blur / blur.sum()
    net.params["conv"][0].data[1:] = 0
    net.params["conv"][0].data[1, 0, 1:-1, 1:-1] = edges.T
    net.params["conv"][0].data[2, 0, 1:-1, 1:-1] = edges
    net.forward()
    for name, each in zip(("blurred", "edges that lie", "edges that stand"), net.blobs["conv"].data[0]):
        print("{}: {}".format(name, numbers(each[10, ::8])))


def to_convolutions(folder):
    """Give a classifier's parameters to convolutions, which then look everywhere in a wider picture."""
    net = caffe.Net(write(os.path.join(folder, "classifier.prototxt"), classifier()), caffe.TEST)
    fill(net, 2)
    weights = os.path.join(folder, "classifier.caffemodel")
    net.save(weights)
    wide = caffe.Net(write(os.path.join(folder, "map.prototxt"), map_of_classes()), weights, caffe.TEST)
    for name in ("fc6", "fc7"):
        there = wide.params[name + "-conv"]
        print(name, [blob.data.shape for blob in net.params[name]], "->", [blob.data.shape for blob in there])
        there[0].data.flat = net.params[name][0].data.flat
        there[1].data[...] = net.params[name][1].data
    wide.save(os.path.join(folder, "map.caffemodel"))
    pictures, _ = draw_digits(3, 4)
    row = np.concatenate(list(pictures[:, 0]), axis=1)[np.newaxis, np.newaxis] / np.float32(255)
    found = wide.forward_all(data=row)["prob"][0]
    print("a map of", found.shape, "classes:", found.argmax(0).ravel())
    alone = net.forward_all(data=row[..., :28])["prob"][0]
    print("alone:", numbers(alone))
    print("in the map:", numbers(found[:, 0, 0]))


def main():
    """Run the steps one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="for everything that is written")
    given = parser.parse_args()
    os.makedirs(given.folder, exist_ok=True)
    caffe.set_mode_cpu()
    change_filters(given.folder)
    to_convolutions(given.folder)


if __name__ == "__main__":
    main()
