"""What the examples share: numbers and pictures that are the same in every engine. Needs NumPy alone."""

import gzip
import os

import numpy as np

SEGMENTS = ("abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abcdfg")
"""The segments of a clock's digits, 0 to 9; a is on top, and on with the hands of a clock, g in the middle."""

PLACES = {
    "a": (slice(4, 7), slice(8, 20)),
    "b": (slice(4, 14), slice(17, 20)),
    "c": (slice(14, 24), slice(17, 20)),
    "d": (slice(21, 24), slice(8, 20)),
    "e": (slice(14, 24), slice(8, 11)),
    "f": (slice(4, 14), slice(8, 11)),
    "g": (slice(12, 15), slice(8, 20)),
}


def draw_digits(count, seed, noise=90):
    """Digits of a clock, shifted and noisy.

    Returns
    -------
    (count, 1, 28, 28) uint8, and their classes (count,).
    """
    random = np.random.RandomState(seed)
    labels = random.randint(10, size=count)
    pictures = random.uniform(0, noise, (count, 28, 28))
    for picture, label in zip(pictures, labels):
        for segment in SEGMENTS[label]:
            picture[PLACES[segment]] += 150
        picture[...] = np.roll(picture, random.randint(-3, 4, 2), (0, 1))
    return pictures.astype(np.uint8)[:, np.newaxis], labels


def read_mnist(folder, part, count):
    """The first pictures of MNIST: part is "train" or "t10k"; as `draw_digits`."""
    arrays = []
    for name, header in (("images-idx3", 16), ("labels-idx1", 8)):
        with gzip.open(os.path.join(folder, "{}-{}-ubyte.gz".format(part, name))) as file:
            arrays.append(np.frombuffer(file.read(), np.uint8, offset=header))
    return arrays[0].reshape(-1, 1, 28, 28)[:count], arrays[1][:count].astype(int)


def fill(net, seed):
    """Give a net's parameters numbers that no engine draws itself: biases of 0, weights that keep the variance."""
    random = np.random.RandomState(seed)
    for blobs in net.params.values():
        weights = blobs[0].data
        weights[...] = random.uniform(-1, 1, weights.shape) * np.sqrt(3.0 / weights[0].size)
        for blob in list(blobs)[1:]:
            blob.data[...] = 0


def read_lines(path):
    """The lines of a text file."""
    with open(path) as file:
        return file.read().splitlines()


def write(path, text):
    """Write a text file, and give its path."""
    with open(path, "w") as file:
        file.write(str(text))
    return path


def numbers(array):
    """Numbers as text, three digits behind the point."""
    return " ".join("{:.3f}".format(number + 0.0) for number in np.ravel(array))
