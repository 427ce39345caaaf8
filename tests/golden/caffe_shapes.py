"""Runs under real pycaffe: the shapes of every blob and parameter of many nets, or that Caffe refuses a net.

usage: caffe-python caffe_shapes.py FOLDER: reads FOLDER/*.prototxt, writes FOLDER/<name>.json for every net that
loads; for the others FOLDER/<name>.log says why not.
"""

import json
import os
import sys
from pathlib import Path


def main(folder):
    os.environ["GLOG_minloglevel"] = "2"  # noqa: SIM112 (glog's own name)
    import caffe

    for path in sorted(Path(folder).glob("*.prototxt")):
        child = os.fork()  # Caffe ends the process that loads a net that it refuses
        if not child:
            os.dup2(os.open(str(path.with_suffix(".log")), os.O_WRONLY | os.O_CREAT), 2)
            net = caffe.Net(str(path), caffe.TEST)
            shapes = {
                "blobs": {name: list(blob.shape) for name, blob in net.blobs.items()},
                "params": {name: [list(blob.shape) for blob in blobs] for name, blobs in net.params.items()},
                "outputs": list(net.outputs),
                "inputs": list(net.inputs),
            }
            path.with_suffix(".json").write_text(json.dumps(shapes))
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(sys.argv[1])
