"""LeNet written as Python, and trained step by step.

    torchcaffe run examples/pycaffe/lenet.py build/lenet --mnist path/to/mnist

The same file runs in real Caffe's Python, and prints the same numbers. Without ``--mnist`` it learns the digits of a
clock, which it draws itself.
"""

import argparse
import os

import caffe
import h5py
import numpy as np
from caffe import layers as L
from caffe import params as P
from caffe.proto import caffe_pb2
from shared import draw_digits, fill, numbers, read_mnist, write


def lenet(source, batch_size):
    """LeCun's net of 1989, in the form that Caffe's first example gave it."""
    n = caffe.NetSpec()
    n.data, n.label = L.HDF5Data(source=source, batch_size=batch_size, ntop=2)
    n.conv1 = L.Convolution(n.data, kernel_size=5, num_output=20, weight_filler=dict(type="xavier"))
    n.pool1 = L.Pooling(n.conv1, kernel_size=2, stride=2, pool=P.Pooling.MAX)
    n.conv2 = L.Convolution(n.pool1, kernel_size=5, num_output=50, weight_filler=dict(type="xavier"))
    n.pool2 = L.Pooling(n.conv2, kernel_size=2, stride=2, pool=P.Pooling.MAX)
    n.fc1 = L.InnerProduct(n.pool2, num_output=100, weight_filler=dict(type="xavier"))
    n.relu1 = L.ReLU(n.fc1, in_place=True)
    n.score = L.InnerProduct(n.relu1, num_output=10, weight_filler=dict(type="xavier"))
    n.loss = L.SoftmaxWithLoss(n.score, n.label)
    return n.to_proto()


def linear(source, batch_size):
    """One layer: a linear classifier, to compare with."""
    n = caffe.NetSpec()
    n.data, n.label = L.HDF5Data(source=source, batch_size=batch_size, ntop=2)
    n.score = L.InnerProduct(n.data, num_output=10, weight_filler=dict(type="xavier"))
    n.loss = L.SoftmaxWithLoss(n.score, n.label)
    return n.to_proto()


def write_data(folder, name, pictures, labels):
    """Pictures and labels as HDF5, and the list that HDF5Data reads."""
    path = os.path.join(folder, name + ".h5")
    with h5py.File(path, "w") as file:
        file["data"] = pictures.astype(np.float32) / 128 - 1
        file["label"] = labels.astype(np.float32)
    return write(os.path.join(folder, name + ".txt"), path + "\n")


def make_solver(folder, net, sources, kind):
    """A solver of a net; its settings are a message, too."""
    settings = caffe_pb2.SolverParameter()
    settings.train_net = write(os.path.join(folder, "train.prototxt"), net(sources[0], 50))
    settings.test_net.append(write(os.path.join(folder, "test.prototxt"), net(sources[1], 100)))
    settings.test_interval = 500
    settings.test_iter.append(5)
    settings.max_iter = 1000
    settings.type = kind
    settings.base_lr = 0.01 if kind == "SGD" else 0.001
    settings.momentum = 0.9
    settings.weight_decay = 5e-4
    settings.lr_policy = "inv"
    settings.gamma = 0.0001
    settings.power = 0.75
    settings.snapshot_prefix = os.path.join(folder, "net")
    settings.random_seed = 1
    solver = caffe.get_solver(write(os.path.join(folder, "solver.prototxt"), settings))
    fill(solver.net, 1)
    return solver


def train(solver, steps, every):
    """Train, and test from time to time, all by hand."""
    losses = []
    net, test_net = solver.net, solver.test_nets[0]
    for step in range(steps):
        solver.step(1)
        losses.append(float(net.blobs["loss"].data))
        if step % every == every - 1:
            right = 0
            for _ in range(5):
                test_net.forward()
                right += np.sum(test_net.blobs["score"].data.argmax(1) == test_net.blobs["label"].data)
            print("  after {}: loss {:.3f}, {} of 500 right".format(step + 1, np.mean(losses[-every:]), right))


def main():
    """Run the steps one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="for everything that is written")
    parser.add_argument("--mnist", help="folder with MNIST's four .gz files")
    parser.add_argument("--steps", type=int, default=60)
    given = parser.parse_args()
    os.makedirs(given.folder, exist_ok=True)
    parts = (("train", 2000, 0), ("t10k", 500, 1))
    sources = []
    for part, count, seed in parts:
        digits = read_mnist(given.mnist, part, count) if given.mnist else draw_digits(count, seed)
        sources.append(write_data(given.folder, part, *digits))

    caffe.set_mode_cpu()
    solver = make_solver(given.folder, lenet, sources, "SGD")
    for name, blob in solver.net.blobs.items():
        print(name, blob.data.shape)
    for name, blobs in solver.net.params.items():
        print(name, blobs[0].data.shape)
    solver.net.forward()
    solver.test_nets[0].forward()
    print("train labels:", solver.net.blobs["label"].data[:8].astype(int))
    print("test labels:", solver.test_nets[0].blobs["label"].data[:8].astype(int))
    solver.step(1)
    print("gradient of the first filter:", numbers(solver.net.params["conv1"][0].diff[0, 0]))
    print("LeNet:")
    train(solver, given.steps, given.steps // 3)
    solver.test_nets[0].forward(start="conv1")
    print("scores of the first test picture:", numbers(solver.test_nets[0].blobs["score"].data[0]))
    for kind in ("SGD", "Adam"):
        print("one layer, {}:".format(kind))
        train(make_solver(given.folder, linear, sources, kind), given.steps, given.steps // 2)


if __name__ == "__main__":
    main()
