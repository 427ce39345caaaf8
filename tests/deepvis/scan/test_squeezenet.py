"""A trained net on real photographs."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest

from deepvis.model.model import open_model
from deepvis.scan.reader import Scan
from deepvis.scan.run import scan
from deepvis.sources import open_images
from prototxt.common.progress import with_bar


@pytest.mark.data
def test_squeezenet_on_photographs(data_folder: Path, tmp_path: Path) -> None:
    with tarfile.open(data_folder / "imagenet1000_256.tar") as tar:
        members = [member for member in tar if member.name.lower().endswith((".jpg", ".jpeg"))]
        chosen = [members[number] for number in range(0, len(members), len(members) // 16)][:16]
        tar.extractall(tmp_path / "photographs", chosen, filter="data")
    model = open_model(data_folder / "models/squeezenet_v1.1")
    images = open_images(tmp_path / "photographs")
    out = tmp_path / "scan.h5"
    with_bar(scan(model, images, out, ["conv1", "fire5/expand3x3", "conv10"], batch=8, device="cpu"), quiet=True)
    names = sorted(member.name.split("/")[-1] for member in members)
    with Scan(out) as opened:
        classes = np.array([names.index(path.split("/")[-1]) for path in opened.paths])
        scores = opened.means("conv10")  # the net's global average pooling is that mean
        assert scores.shape == (16, 1000)
        assert (scores.argmax(1) == classes).mean() > 0.4  # 62 % on all 1000 pictures
        for layer, size in (("conv1", 3), ("fire5/expand3x3", 63)):
            rows = opened.layers[layer].rows
            assert rows is not None
            assert (rows[:, 1] - rows[:, 0]).max() == size
        assert 0 < opened.statistics("conv1").zeros.mean() < 1
        patch = opened.patch("fire5/expand3x3", 0, 0)
        assert patch.shape == (63, 63, 3)  # stretched to 256 by 256 from the same size: pixels are one to one
