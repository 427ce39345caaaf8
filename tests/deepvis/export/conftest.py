"""A scan of the small net over random pictures, to export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from deepvis.engines.hits import Hit, find_hits
from deepvis.engines.trace import HitTracer
from deepvis.export.job import Job
from deepvis.model.model import Model
from deepvis.scan.reader import Scan
from deepvis.scan.run import scan
from deepvis.sources import Images
from prototxt.common.progress import with_bar

LAYERS = ("conv1", "branch/left", "100% right", "up", "fc")


@dataclass
class Scanned:
    """A model, its pictures and the opened scan of them."""

    model: Model
    images: Images
    scan: Scan

    def hits(self, count: int | None = None) -> dict[str, list[Hit]]:
        return with_bar(find_hits(self.scan, tuple(self.scan.layers), count), quiet=True)

    def job(self, modes: tuple[str, ...] = (), **options: object) -> Job:
        tracer = HitTracer(self.model, modes, "cpu") if modes else None
        return Job(self.scan, tuple(self.scan.layers), tracer=tracer, workers=0, **options)  # type: ignore[arg-type]


@pytest.fixture
def scanned(make_model, make_pictures, tmp_path: Path):
    """Nine pictures of two classes, the four best of every unit."""
    model, files = make_model(), make_pictures(9)
    images = Images(files.root, files.paths, (0, 1, 1, 0, 1, 0, 0, 1, -1))
    with_bar(scan(model, images, tmp_path / "scan.h5", LAYERS, top=4, batch=4, device="cpu", workers=0), quiet=True)
    with Scan(tmp_path / "scan.h5") as opened:
        yield Scanned(model, images, opened)
