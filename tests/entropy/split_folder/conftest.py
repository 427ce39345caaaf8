"""A folder that was written for a new task of the small net."""

import shutil
from pathlib import Path

import pytest

from entropy import SolverSettings, Task, measure, plan, write
from torchcaffe.pycaffe.solvers import get_solver


@pytest.fixture(scope="session")
def made(small):
    return plan(measure(small.scan, bins=16), 2, share=0.4)


@pytest.fixture(scope="session")
def written(small, made, tmp_path_factory):
    """A folder for the small net's new task; tests copy it before they change it."""
    task = Task(images=small.images, test_images=small.test_images, head="fc_new", batch=4, test_batch=3)
    settings = SolverSettings(base_lr=0.01, max_iter=4, display=2, test_interval=2)
    return write(made, small.net, small.weights, settings, out=tmp_path_factory.mktemp("run"), task=task)


@pytest.fixture
def folder(written, tmp_path):
    """A copy; the pictures are found from it because it stands as deep as the original."""
    place = written.folder.parent / f"copy_{tmp_path.name}"
    return Path(shutil.copytree(written.folder, place))


@pytest.fixture
def train(monkeypatch):
    """Trains in a folder with torchcaffe."""

    def run(folder, solver="solver.prototxt", weights="split.caffemodel"):
        monkeypatch.chdir(folder)
        trainer = get_solver(Path(solver))
        trainer.load_weights(weights)
        trainer.solve()

    return run
