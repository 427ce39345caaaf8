"""Classify a picture, and look into the net that does it.

    torchcaffe run examples/pycaffe/classification.py deploy.prototxt net.caffemodel picture.jpg --labels names.txt

The same file runs in real Caffe's Python, and prints the same numbers. ``--mean`` takes numbers, blue first, or an
array (``.npy``, blue first) that is averaged over its pixels.
"""

import argparse

import caffe
import numpy as np
from shared import numbers, read_lines


def read_mean(words):
    """The mean of every channel, of numbers or of a file."""
    if len(words) == 1 and words[0].endswith(".npy"):
        return np.load(words[0]).mean(1).mean(1)
    return np.array([float(word) for word in words])


def make_transformer(net, mean):
    """From an RGB picture in 0 to 1 to what nets are trained on: BGR, 0 to 255, less the mean."""
    transformer = caffe.io.Transformer({"data": net.blobs["data"].data.shape})
    transformer.set_transpose("data", (2, 0, 1))
    transformer.set_mean("data", mean)
    transformer.set_raw_scale("data", 255)
    transformer.set_channel_swap("data", (2, 1, 0))
    return transformer


def print_best(probabilities, labels):
    """The five likeliest classes."""
    for place in probabilities.argsort()[::-1][:5]:
        print("  {:.3f} {}".format(probabilities[place], labels[place] if labels else place))


def print_net(net):
    """Shapes of all blobs and parameters, without the copies that real Caffe makes of what several layers read."""
    for name, blob in net.blobs.items():
        if "_split_" not in name:
            print("  {}: {}".format(name, blob.data.shape))
    for name, blobs in net.params.items():
        print("  {}: {}".format(name, " ".join(str(blob.data.shape) for blob in blobs)))


def main():
    """Run the steps one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("weights")
    parser.add_argument("picture")
    parser.add_argument("--labels", help="a text file, one name a line")
    parser.add_argument("--mean", nargs="+", default=["104", "117", "123"])
    given = parser.parse_args()
    labels = read_lines(given.labels) if given.labels else None
    mean = read_mean(given.mean)
    print("mean:", numbers(mean))

    caffe.set_mode_cpu()
    net = caffe.Net(given.model, given.weights, caffe.TEST)
    transformer = make_transformer(net, mean)
    net.blobs["data"].reshape(5, *net.blobs["data"].data.shape[1:])
    image = caffe.io.load_image(given.picture)
    net.blobs["data"].data[...] = transformer.preprocess("data", image)
    output = net.outputs[0]
    probabilities = net.forward()[output][0].ravel()
    print("of the whole picture:")
    print_best(probabilities, labels)

    print("the net:")
    print_net(net)
    first = next(iter(net.params))
    print("first filter:", numbers(net.params[first][0].data[0, 0]))
    seen = net.blobs[net.top_names[first][0]].data[0, 0]
    print("its map: mean {:.2f}, maximum {:.1f}".format(seen.mean(), seen.max()))

    classifier = caffe.Classifier(
        given.model, given.weights, mean=mean, raw_scale=255, channel_swap=(2, 1, 0), image_dims=(256, 256)
    )
    print("of ten crops:")
    print_best(classifier.predict([image]).ravel(), labels)


if __name__ == "__main__":
    main()
