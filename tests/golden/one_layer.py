"""A small net of one layer, and how to run it with pycaffe: by real Caffe for goldens, by torchcaffe in tests.

Runs under Python 3.9 and NumPy 1.19, which is what real Caffe comes with, so nothing of this project is imported.
"""

# ruff: noqa: UP031, B905, RUF005 - Python 3.9 has no zip(strict=), and text full of braces suits no f-string

import os
import tempfile

import numpy as np

SEED_STEP = 2654435761
"""Knuth's multiplicative hash: numbers that look random and are the same with every version of everything."""


def spread(shape, seed, low=-1.0, high=1.0):
    """Numbers that fill [low, high) evenly, in an order that looks random."""
    places = np.arange(int(np.prod(shape)), dtype=np.uint64) + np.uint64(seed * 1000003 + 1)
    unit = (places * np.uint64(SEED_STEP) % np.uint64(2**32)).astype(np.float64) / 2**32
    return (low + (high - low) * unit).reshape(shape).astype(np.float32)


def labels(shape, seed, classes):
    """Whole numbers in [0, classes)."""
    return np.floor(spread(shape, seed, 0, classes))


def coarse(shape, seed, low=-1.0, high=1.0):
    """Few different values, 0 among them, so that there are ties."""
    return np.round(spread(shape, seed, low, high) * 2) / 2


def starts(shape, seed):
    """Where sequences go on (1) and begin (0)."""
    return (labels(shape, seed, 4) > 0).astype(np.float32)


class Case:
    """One layer with its bottoms.

    Parameters
    ----------
    layer : fields of the layer after name, bottoms and tops.
    bottoms : shape of every bottom, or (function, arguments...) of the module with the shape first.
    tops : number of tops.
    phase : "TEST" or "TRAIN".
    backward : False where Caffe has none.
    in_place : the top is the bottom.
    passes : forward passes before the blobs are looked at.
    params : range of the parameters' values.
    force : ``force_backward``; off where Caffe refuses a gradient for a bottom.
    selects : the numbers decide how many items there are, and Caffe knows only from the second pass on.
    learns : the first bottom comes from a learned layer, so that it gets a gradient without ``force``.
    """

    def __init__(
        self,
        layer,
        *bottoms,
        tops=1,
        phase="TEST",
        backward=True,
        in_place=False,
        passes=1,
        params=(-1.0, 1.0),
        force=True,
        learns=False,
        selects=False,
    ):
        self.layer = layer
        self.bottoms = bottoms
        self.tops = tops
        self.phase = phase
        self.backward = backward
        self.in_place = in_place
        self.passes = passes
        self.params = params
        self.force = force and not learns
        self.learns = learns
        self.selects = selects

    @property
    def type(self):
        return self.layer.split('"')[1]

    def arrays(self):
        """The bottoms' numbers."""
        made = []
        for seed, bottom in enumerate(self.bottoms):
            function, shape, arguments = (
                (bottom[0], bottom[1], bottom[2:]) if callable(bottom[0]) else (spread, bottom, ())
            )
            made.append(function(shape, seed, *arguments))
        return made

    def prototxt(self):
        """The net."""
        lines = ['name: "golden"', "force_backward: %s" % str(self.force).lower()]
        names = ["bottom%d" % i for i in range(len(self.bottoms))]
        for name, array in zip(names, self.arrays()):
            dims = " ".join("dim: %d" % size for size in array.shape)
            lines.append(
                'layer { name: "%s" type: "Input" top: "%s" input_param { shape { %s } } }' % (name, name, dims)
            )
        if self.in_place:
            lines.append(
                'layer { name: "before" type: "Power" bottom: "bottom0" top: "top0" power_param { scale: 1.5 } }'
            )
            bottoms = ["top0"] + names[1:]
        elif self.learns:
            lines.append(
                'layer { name: "before" type: "Scale" bottom: "bottom0" top: "learned"'
                " scale_param { num_axes: 0 filler { value: 1.5 } } }"
            )
            bottoms = ["learned"] + names[1:]
        else:
            bottoms = names
        tops = ["top%d" % i for i in range(self.tops)]
        wiring = " ".join(['bottom: "%s"' % name for name in bottoms] + ['top: "%s"' % name for name in tops])
        lines.append('layer { name: "layer" %s %s }' % (wiring, self.layer))
        return "\n".join(lines) + "\n"


def run(caffe, case):
    """Run a case forward and backward.

    Returns
    -------
    Arrays by name: tops, and with ``backward`` the diffs of bottoms and of parameters; parameters after a TRAIN pass.
    """
    handle, path = tempfile.mkstemp(suffix=".prototxt")
    with os.fdopen(handle, "w") as file:
        file.write(case.prototxt())
    try:
        net = caffe.Net(path, getattr(caffe, case.phase))
    finally:
        os.remove(path)
    params = list(net.params["layer"]) if "layer" in net.params else []
    for seed, blob in enumerate(params):
        blob.data[...] = spread(blob.data.shape, 100 + seed, *case.params)
    for name, array in zip(net.inputs, case.arrays()):
        net.blobs[name].data[...] = array
    for _ in range(case.passes):
        net.forward()
    tops = ["top%d" % i for i in range(case.tops)]
    found = {name: net.blobs[name].data.copy() for name in tops}
    if case.phase == "TRAIN":
        found.update(("param%d" % i, blob.data.copy()) for i, blob in enumerate(params))
    if case.backward:
        for seed, name in enumerate(tops):
            if not net.blob_loss_weights[name]:
                net.blobs[name].diff[...] = spread(net.blobs[name].diff.shape, 200 + seed)
        net.backward()
        sources = ["learned"] if case.learns else net.inputs
        found.update((name + ".diff", net.blobs[name].diff.copy()) for name in sources)
        found.update(("param%d.diff" % i, blob.diff.copy()) for i, blob in enumerate(params))
    return found
