"""Runs one net in real Caffe for the window, in whichever Python has pycaffe: 2.7 or 3, with nothing but NumPy.

Started as ``PYTHON pycaffe_worker.py`` by `deepvis.engines.pycaffe_process`, it answers one message after the other
until its input ends. A message is a JSON table and arrays: the length of the table (8 bytes, big end first), the table,
whose ``arrays`` are the names, then for each array the length of its .npy bytes and these. What Caffe and others write
to stdout goes to stderr: the messages have the first stdout to themselves.

Requests are ``load``, ``forward`` and ``backward``; see the functions. An answer is ``{"ok": true, ...}``, or
``{"error": sentence}``. In the net every value is a blob of its own, nothing is written in place.
"""

import sys

if __name__ == "__main__":
    del sys.path[0]  # this folder: its modules must not stand in for others

import io
import json
import os
import struct

import numpy as np

LENGTH = struct.Struct(">Q")
RECTIFIERS = {
    "deconv": lambda diff, data: np.maximum(diff, 0),
    "guided": lambda diff, data: np.maximum(diff, 0) * (data > 0),
}
"""By mode, what a ReLU does to the diff of its top; its bottom's data say where it was active."""

NO_GRADIENT = ("Accuracy", "ArgMax", "Embed", "Threshold")
"""Layers whose backward pass ends Caffe: nothing comes through them."""


def write_message(stream, table, arrays=None):
    """Write a table and named arrays."""
    names = sorted(arrays or {})
    _write_part(stream, json.dumps(dict(table, arrays=names)).encode("ascii"))
    for name in names:
        buffer = io.BytesIO()
        np.save(buffer, arrays[name])
        _write_part(stream, buffer.getvalue())
    stream.flush()


def read_message(stream):
    """Read a table and named arrays; EOFError where the other side is gone."""
    table = json.loads(_read_part(stream).decode("ascii"))
    return table, {name: np.load(io.BytesIO(_read_part(stream))) for name in table.pop("arrays")}


def _write_part(stream, data):
    stream.write(LENGTH.pack(len(data)))
    stream.write(data)


def _read_part(stream):
    return _read_exactly(stream, LENGTH.unpack(_read_exactly(stream, LENGTH.size))[0])


def _read_exactly(stream, length):
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data


class Worker(object):
    """A net and the inputs that it ran on last.

    Parameters
    ----------
    caffe : the module.
    """

    def __init__(self, caffe):
        self.caffe = caffe
        self.net = None
        self.inputs = None

    def load(self, request, arrays):
        """Make the net of the file ``prototxt``; arrays ``LAYER:N`` are its weights, which are numbered in ``weights``.

        Answers with Caffe's version and the shapes of all blobs.
        """
        self.net = self.caffe.Net(str(request["prototxt"]), self.caffe.TEST)
        for number, (layer, place) in enumerate(request["weights"]):
            blob = self.net.params[str(layer)][place]
            blob.data[...] = arrays[str(number)].reshape(blob.data.shape)
        shapes = {name: list(blob.data.shape) for name, blob in self.net.blobs.items()}
        return {"shapes": shapes, "version": str(getattr(self.caffe, "__version__", ""))}, {}

    def forward(self, request, arrays):
        """Run the net on ``arrays`` by blob; answers with the blobs called ``wanted``."""
        self._run(arrays)
        return {}, {name: self.net.blobs[name].data for name in map(str, request["wanted"])}

    def backward(self, request, arrays):
        """Carry the array ``seed`` back from blob ``origin``; the other arrays are the inputs.

        ``mode`` is a key of `RECTIFIERS`, or another word for the plain gradient. Answers with the diffs of the blobs
        called ``wanted``, zero where the origin does not depend on them.
        """
        seed = arrays.pop("seed")
        self._run(arrays)
        net, blobs = self.net, self.net._blobs
        for blob in blobs:
            blob.diff[...] = 0
        start = list(net._blob_names).index(request["origin"])
        blobs[start].diff[...] = seed
        reached = {start}
        for index in reversed(range(len(net.layers))):
            if reached.intersection(net._top_ids(index)):
                reached.update(net._bottom_ids(index))
                self._back(index, request["mode"])
        return {}, {name: net.blobs[name].diff for name in map(str, request["wanted"])}

    def _back(self, index, mode):
        """One layer's turn; Caffe's own Split layers add up what comes from branches."""
        net, kind = self.net, self.net.layers[index].type
        bottoms = list(net._bottom_ids(index))
        if kind == "ReLU" and mode in RECTIFIERS:
            bottom, top = net._blobs[bottoms[0]], net._blobs[net._top_ids(index)[0]]
            bottom.diff[...] = RECTIFIERS[mode](top.diff, bottom.data)
        elif bottoms and kind not in NO_GRADIENT:
            net._backward(index, index)

    def _run(self, inputs):
        """Run the net on its inputs, unless it did so last."""
        last = self.inputs
        if last is not None and all(np.array_equal(last[name], inputs[name]) for name in inputs):
            return
        self.inputs = None
        for name in inputs:
            self.net.blobs[str(name)].data[...] = inputs[name]
        self.net._forward(0, len(self.net.layers) - 1)
        self.inputs = inputs


def serve(requests, answers):
    """Answer requests until there are no more."""
    try:
        import caffe  # type: ignore[import-not-found]
    except Exception as error:
        write_message(answers, {"error": "{} cannot import caffe: {}".format(sys.executable, error)})
        return
    caffe.set_mode_cpu()
    worker = Worker(caffe)
    write_message(answers, {"ok": True})
    while True:
        try:
            request, arrays = read_message(requests)
        except EOFError:
            return
        try:
            table, found = getattr(worker, str(request["do"]))(request, arrays)
            write_message(answers, dict(table, ok=True), found)
        except Exception as error:
            write_message(answers, {"error": "{}: {}".format(type(error).__name__, error)})


def main():
    """Take the first stdout for the answers, and give whatever else writes there stderr."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(os.fdopen(os.dup(0), "rb"), answers)


if __name__ == "__main__":
    main()
