"""Makes ``layers/<type>.npz``: what real Caffe computes for every case of ``layer_cases.py``.

    $CAFFE_ROOT/bin/caffe-python tests/golden/generate_layers.py [type ...]

With layer types, only those are made anew.
"""

import os
import platform
import re
import sys

os.environ.setdefault("GLOG_minloglevel", "2")

import caffe
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(os.path.dirname(HERE)))

from tests.golden.layer_cases import CASES  # noqa: E402
from tests.golden.one_layer import run  # noqa: E402

FOLDER = os.path.join(HERE, "layers")


def build():
    """Which Caffe this is: its version, and the Debian package where it comes from one."""
    root = os.path.abspath(caffe.__file__).split("/usr/lib/")[0]
    try:
        with open(root + "/var/lib/dpkg/status") as file:
            package = re.search(r"Package: python3-caffe\n(?:.+\n)*?Version: (.+)\n", file.read()).group(1)
    except (OSError, AttributeError):
        package = "unknown"
    versions = caffe.__version__, package, platform.python_version(), np.__version__
    return "BVLC Caffe {}, Debian package {}, Python {}, NumPy {}".format(*versions)


def main():
    made_by = np.array(build())
    os.makedirs(FOLDER, exist_ok=True)
    for layer_type in sys.argv[1:] or sorted({case.type for case in CASES.values()}):
        arrays = {"made by": made_by}
        for name, case in CASES.items():
            if case.type == layer_type:
                arrays.update((name + "/" + key, array) for key, array in run(caffe, case).items())
        np.savez_compressed(os.path.join(FOLDER, layer_type + ".npz"), **arrays)
        print(f"{layer_type}: {len(arrays) - 1} arrays", flush=True)
    print(f"made by {made_by}")


if __name__ == "__main__":
    main()
