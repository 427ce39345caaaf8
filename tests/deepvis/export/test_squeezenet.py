"""A trained net over a thousand photographs: its accuracy from the scan alone, and its atlas."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest

from deepvis.export.job import Job
from deepvis.export.run import export
from deepvis.model.model import open_model
from deepvis.scan.reader import Scan
from deepvis.scan.run import scan
from deepvis.sources import Images
from prototxt.common.progress import with_bar


@pytest.mark.data
@pytest.mark.long
@pytest.mark.timeout(900)
def test_squeezenet_over_a_thousand_photographs(data_folder: Path, tmp_path: Path) -> None:
    with tarfile.open(data_folder / "imagenet1000_256.tar") as tar:
        tar.extractall(tmp_path, filter="data")
    files = sorted(tmp_path.rglob("*.[Jj][Pp]*[Gg]"), key=lambda path: path.name)
    images = Images(tmp_path, tuple(file.relative_to(tmp_path).as_posix() for file in files), tuple(range(1000)))
    model = open_model(data_folder / "models/squeezenet_v1.1/deploy.prototxt")
    model = model.with_preprocessing(mean=(104, 117, 123))
    with_bar(scan(model, images, tmp_path / "scan.h5", device="cpu"), quiet=True)
    with Scan(tmp_path / "scan.h5") as opened:
        scores = opened.means("conv10")  # the net's global average pooling is that mean
        order = np.argsort(-scores, axis=1, kind="stable")
        assert abs((order[:, 0] == opened.labels).mean() - 0.624) <= 0.003
        assert abs((order[:, :5] == opened.labels[:, None]).any(1).mean() - 0.84) <= 0.003
        with_bar(export("atlas", Job(opened, tuple(opened.layers)), tmp_path / "atlas"), quiet=True)
    written = [path for path in (tmp_path / "atlas").rglob("*") if path.is_file()]
    assert len(written) < 150
    assert sum(path.stat().st_size for path in written) < 90e6
