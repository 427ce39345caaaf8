"""Logistic regression on rows of an HDF5 file, then with one hidden layer.

    torchcaffe run examples/pycaffe/logistic_regression.py build/logistic

The same file runs in real Caffe's Python, and prints the same numbers.
"""

import argparse
import os

import caffe
import h5py
import numpy as np
from caffe import layers as L
from caffe.proto import caffe_pb2
from shared import fill, write


def make_rows(count, seed):
    """Rows of four numbers; two tell the classes apart, each of which is two clouds, on a diagonal of a square."""
    random = np.random.RandomState(seed)
    labels = random.randint(2, size=count)
    signs = random.choice([-1, 1], count)
    rows = random.normal(0, 1, (count, 4))
    rows[:, 0] += 1.2 * signs + 0.5 * labels
    rows[:, 1] += 1.2 * signs * (2 * labels - 1) + 0.5 * labels
    return rows, labels


def write_rows(folder, name, times, rows, labels, **options):
    """Rows as HDF5, and a list that names the file so many times."""
    path = os.path.join(folder, name + ".h5")
    with h5py.File(path, "w") as file:
        file.create_dataset("data", data=rows.astype(np.float32), **options)
        file.create_dataset("label", data=labels.astype(np.float32), **options)
    return write(os.path.join(folder, name + ".txt"), (path + "\n") * times)


def regression(source, batch_size):
    """A layer, and the loss."""
    n = caffe.NetSpec()
    n.data, n.label = L.HDF5Data(batch_size=batch_size, source=source, ntop=2)
    n.ip1 = L.InnerProduct(n.data, num_output=2, weight_filler=dict(type="xavier"))
    n.accuracy = L.Accuracy(n.ip1, n.label)
    n.loss = L.SoftmaxWithLoss(n.ip1, n.label)
    return n.to_proto()


def with_hidden_layer(source, batch_size):
    """Forty hidden units more."""
    n = caffe.NetSpec()
    n.data, n.label = L.HDF5Data(batch_size=batch_size, source=source, ntop=2)
    n.ip1 = L.InnerProduct(n.data, num_output=40, weight_filler=dict(type="xavier"))
    n.relu1 = L.ReLU(n.ip1, in_place=True)
    n.ip2 = L.InnerProduct(n.ip1, num_output=2, weight_filler=dict(type="xavier"))
    n.accuracy = L.Accuracy(n.ip2, n.label)
    n.loss = L.SoftmaxWithLoss(n.ip2, n.label)
    return n.to_proto()


def learn(folder, net, sources, steps):
    """Train a net, and say how many of the test rows it gets right."""
    settings = caffe_pb2.SolverParameter(
        train_net=write(os.path.join(folder, "train.prototxt"), net(sources[0], 10)),
        test_net=[write(os.path.join(folder, "test.prototxt"), net(sources[1], 10))],
        test_iter=[50],
        test_interval=steps,
        max_iter=steps,
        base_lr=0.01,
        lr_policy="step",
        gamma=0.1,
        stepsize=steps // 2,
        momentum=0.9,
        weight_decay=5e-4,
        snapshot_prefix=os.path.join(folder, "net"),
        solver_mode=caffe_pb2.SolverParameter.CPU,
    )
    solver = caffe.get_solver(write(os.path.join(folder, "solver.prototxt"), settings))
    fill(solver.net, 1)
    solver.solve()
    test_net = solver.test_nets[0]
    accuracy = 0.0
    for _ in range(50):
        test_net.forward()
        accuracy += float(test_net.blobs["accuracy"].data) / 50
    print("  iteration {}, accuracy {:.3f}".format(solver.iter, accuracy))
    print("  snapshot:", sorted(name for name in os.listdir(folder) if "_iter_" in name))


def main():
    """Run the steps one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="for everything that is written")
    parser.add_argument("--steps", type=int, default=400)
    given = parser.parse_args()
    os.makedirs(given.folder, exist_ok=True)
    sources = (
        write_rows(given.folder, "rows", 2, *make_rows(1000, 0)),
        write_rows(given.folder, "test_rows", 1, *make_rows(500, 1), compression="gzip", compression_opts=1),
    )
    caffe.set_mode_cpu()
    print("logistic regression:")
    learn(given.folder, regression, sources, given.steps)
    print("with a hidden layer:")
    learn(given.folder, with_hidden_layer, sources, given.steps)


if __name__ == "__main__":
    main()
