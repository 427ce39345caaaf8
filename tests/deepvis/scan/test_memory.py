"""A hundred times as many images take no more memory; the tables grow on the disk."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

# Scans pictures that are made when they are asked for; prints the greatest memory of the process in bytes.
SCAN = """
import json, resource, sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
import numpy as np
import torch
from deepvis.model.model import Model
from deepvis.scan.run import scan
from prototxt.pixels.preprocess import Preprocessing
from prototxt.net.shapes import infer_shapes
from prototxt.formats.text import parse_net

NET = '''
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 64 kernel_size: 7 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc" inner_product_param { num_output: 256 } }
'''

@dataclass(frozen=True)
class Made:
    count: int
    root: Path = Path()
    hash: str = ""
    classes: tuple = ()

    @cached_property
    def paths(self):
        return tuple(f"{number:08d}.png" for number in range(self.count))

    @cached_property
    def labels(self):
        return np.arange(self.count, dtype=np.int32) % 10

    def __len__(self):
        return self.count

    def read(self, index):
        return np.full((8, 8, 3), index % 251, np.uint8)

torch.set_num_threads(1)
net = parse_net(NET, "tiny.prototxt")
random = np.random.default_rng(0)
weights = {
    layer: [random.normal(size=shape).astype(np.float32) for shape in shapes]
    for layer, shapes in infer_shapes(net).params.items() if shapes
}
model = Model("tiny", Path("tiny.prototxt"), net, weights, Preprocessing(mean=(3.0, 3.0, 3.0)))
images = Made(int(sys.argv[1]))
for _ in scan(model, images, sys.argv[2], batch=250, device="cpu", workers=0, correlation=True):
    pass
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))
"""
NAMES = 300  # bytes in memory for the name of an image, wherever it is listed


def peak_memory(images: int, out: Path) -> int:
    done = subprocess.run([sys.executable, "-c", SCAN, str(images), out], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.long
def test_memory_does_not_grow_with_the_images(tmp_path: Path) -> None:
    few, many = peak_memory(1_000, tmp_path / "few.h5"), peak_memory(100_000, tmp_path / "many.h5")
    with h5py.File(tmp_path / "many.h5") as file:
        table = sum(group["means_post"].nbytes for group in file["layers"].values())
    print(
        f"1,000 images: {few / 1e6:.0f} MB; 100,000 images: {many / 1e6:.0f} MB; a table of means {table / 1e6:.0f} MB"
    )
    assert table == 100_000 * 320 * 4
    assert many - few < 100_000 * NAMES + 40e6  # pieces of tables, of a fixed size
    assert many - few < 0.6 * table  # of the three in the file
