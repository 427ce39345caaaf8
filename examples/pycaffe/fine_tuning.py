"""Teach a net that knows one task another one: its last layer, then all of it, beside one that starts from nothing.

    torchcaffe run examples/pycaffe/fine_tuning.py build/fine_tuning

The same file runs in real Caffe's Python, and prints the same numbers. The first task is to tell the digits of a clock
apart, the second whether one is even; both read pictures from lists.
"""

import argparse
import os

import caffe
import numpy as np
import skimage.io
from caffe import layers as L
from caffe import params as P
from caffe.proto import caffe_pb2
from shared import draw_digits, fill, numbers, write

LEARNED = [dict(lr_mult=1, decay_mult=1), dict(lr_mult=2, decay_mult=0)]
FROZEN = [dict(lr_mult=0)] * 2


def net_of(data, label, classes, head, learn_all=False):
    """The same net for every task, but for its last layer."""
    param = LEARNED if learn_all else FROZEN
    n = caffe.NetSpec()
    n.data = data
    n.conv1 = L.Convolution(n.data, num_output=16, kernel_size=5, stride=2, param=param)
    n.relu1 = L.ReLU(n.conv1, in_place=True)
    n.norm1 = L.LRN(n.conv1, local_size=5, alpha=1e-4, beta=0.75)
    n.conv2 = L.Convolution(n.norm1, num_output=32, kernel_size=3, group=2, pad=1, param=param)
    n.relu2 = L.ReLU(n.conv2, in_place=True)
    n.pool2 = L.Pooling(n.conv2, kernel_size=3, stride=2, pool=P.Pooling.MAX)
    n.fc3 = L.InnerProduct(n.pool2, num_output=64, param=param)
    n.relu3 = L.ReLU(n.fc3, in_place=True)
    n[head] = L.InnerProduct(n.fc3, num_output=classes, param=LEARNED)
    if label is None:
        n.prob = L.Softmax(n[head])
    else:
        n.label = label
        n.loss = L.SoftmaxWithLoss(n[head], n.label)
        n.acc = L.Accuracy(n[head], n.label)
    return n.to_proto()


def pictures_of(source, batch_size):
    """Data and labels from a list of pictures."""
    return L.ImageData(
        source=source,
        batch_size=batch_size,
        new_height=28,
        new_width=28,
        is_color=False,
        transform_param=dict(scale=1.0 / 128, mean_value=[128]),
        ntop=2,
    )


def write_pictures(folder, name, count, seed):
    """Pictures as files, with a list for each task."""
    digits, labels = draw_digits(count, seed, noise=130)
    os.makedirs(os.path.join(folder, name), exist_ok=True)
    lines = {"digit": "", "even": ""}
    for number, (digit, label) in enumerate(zip(digits, labels)):
        path = os.path.join(folder, name, "{}.png".format(number))
        skimage.io.imsave(path, digit[0], check_contrast=False)
        lines["digit"] += "{} {}\n".format(path, label)
        lines["even"] += "{} {}\n".format(path, 1 - label % 2)
    return {task: write(os.path.join(folder, "{}_{}.txt".format(name, task)), text) for task, text in lines.items()}


def make_solver(folder, name, net, rate):
    """A solver of a training net, which starts from the same numbers in every engine."""
    settings = caffe_pb2.SolverParameter(
        train_net=write(os.path.join(folder, name + ".prototxt"), net),
        base_lr=rate,
        lr_policy="step",
        gamma=0.1,
        stepsize=1000,
        max_iter=1000,
        momentum=0.9,
        weight_decay=5e-4,
        snapshot_prefix=os.path.join(folder, name),
    )
    solver = caffe.get_solver(write(os.path.join(folder, name + "_solver.prototxt"), settings))
    fill(solver.net, 5)
    return solver


def run(folder, solvers, steps):
    """Step solvers in turn; the weights of each are written, and their files given back."""
    losses = {name: [] for name in solvers}
    for step in range(steps):
        for name, solver in solvers.items():
            solver.step(1)
            losses[name].append(float(solver.net.blobs["loss"].data))
        if step % 10 == 9:
            means = ["{} {:.3f}".format(name, np.mean(losses[name][-10:])) for name in solvers]
            print("  {}) loss of {}".format(step + 1, ", ".join(means)))
    files = {}
    for name, solver in solvers.items():
        files[name] = os.path.join(folder, name + ".caffemodel")
        solver.net.save(files[name])
    return files


def accuracy(folder, source, weights, classes, head, batches=4):
    """The share of test pictures that a net gets right."""
    path = write(os.path.join(folder, "test.prototxt"), net_of(*pictures_of(source, 50), classes, head))
    net = caffe.Net(path, weights, caffe.TEST)
    return sum(float(net.forward()["acc"]) for _ in range(batches)) / batches


def main():
    """Run the steps one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="for everything that is written")
    parser.add_argument("--steps", type=int, default=40)
    given = parser.parse_args()
    folder = given.folder
    os.makedirs(folder, exist_ok=True)
    train, test = write_pictures(folder, "train", 600, 0), write_pictures(folder, "test", 200, 1)
    caffe.set_mode_cpu()

    print("the first task, digits:")
    digits = net_of(*pictures_of(train["digit"], 30), 10, "fc_digit", learn_all=True)
    known = run(folder, {"digits": make_solver(folder, "digits", digits, 0.01)}, given.steps)["digits"]
    print("  right: {:.3f}".format(accuracy(folder, test["digit"], known, 10, "fc_digit")))

    even = net_of(*pictures_of(train["even"], 30), 2, "fc_even")
    untrained = caffe.Net(write(os.path.join(folder, "untrained.prototxt"), even), known, caffe.TEST)
    untrained.forward()
    deploy = net_of(L.DummyData(shape=dict(dim=[1, 1, 28, 28])), None, 10, "fc_digit")
    before = caffe.Net(write(os.path.join(folder, "deploy.prototxt"), deploy), known, caffe.TEST)
    before.blobs["data"].data[0] = untrained.blobs["data"].data[8]
    print("picture 8 is a digit of probabilities", numbers(before.forward(start="conv1")["prob"]))
    apart = np.abs(untrained.blobs["fc3"].data[8] - before.blobs["fc3"].data[0]).max()
    print("fc3 is the same in both nets:", bool(apart < 1e-4))

    print("the second task, even or odd, its last layer alone:")
    solvers = {name: make_solver(folder, name, even, 0.01) for name in ("tuned", "scratch")}
    solvers["tuned"].net.copy_from(known)
    weights = run(folder, solvers, given.steps)
    for name in solvers:
        print("  {}: {:.3f} right".format(name, accuracy(folder, test["even"], weights[name], 2, "fc_even")))

    print("all layers:")
    whole = net_of(*pictures_of(train["even"], 30), 2, "fc_even", learn_all=True)
    solvers = {name: make_solver(folder, name + "_whole", whole, 0.005) for name in ("tuned", "scratch")}
    for name, solver in solvers.items():
        solver.net.copy_from(weights[name])
    weights = run(folder, solvers, given.steps)
    for name in solvers:
        print("  {}: {:.3f} right".format(name, accuracy(folder, test["even"], weights[name], 2, "fc_even")))


if __name__ == "__main__":
    main()
