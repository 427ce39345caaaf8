"""Runs a net in real Caffe for `bench_engines`: ``caffe-python caffe_driver.py FOLDER``; needs pycaffe alone.

Written for the Python 3.9 that the installed Caffe comes with. FOLDER has net.prototxt and net.caffemodel; inputs are
filled with fixed noise. For every line "forward" or "both" that it reads it runs once and prints the seconds of the
clock and of the processor.
"""

import sys
import time
from pathlib import Path

import caffe  # type: ignore[import-not-found]
import numpy as np


def main() -> None:
    """Load the net, then obey."""
    folder = Path(sys.argv[1])
    caffe.set_mode_cpu()
    net = caffe.Net(str(folder / "net.prototxt"), str(folder / "net.caffemodel"), caffe.TEST)
    noise = np.random.RandomState(0)
    for name in net.inputs:
        blob = net.blobs[name]
        blob.data[...] = noise.randn(*blob.shape) if len(blob.shape) > 1 else noise.randint(0, 1000, blob.shape)
    for line in sys.stdin:
        clock, processor = time.perf_counter(), time.process_time()
        net._forward(0, len(net.layers) - 1)
        if line.strip() == "both":
            net._backward(len(net.layers) - 1, 0)
        print(time.perf_counter() - clock, time.process_time() - processor, flush=True)


if __name__ == "__main__":
    main()
