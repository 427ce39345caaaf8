import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from entropy import measure, plan
from entropy.measuring.scan_file import ScanTables

EXAMPLES = Path(__file__).parents[2] / "examples"


def load_example(name):
    """Import a file of ``examples/`` anew, as its user does."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def plan_file(tmp_path):
    """A plan that freezes half of the four units of ``hidden``."""
    means = np.random.default_rng(1).gamma(1, 1, (100, 4)).astype(np.float32)
    made = plan(measure(ScanTables({"hidden": means}), ["hidden"], bins=8), 2, share=0.5)
    made.write(tmp_path / "plan.json")
    return tmp_path / "plan.json"


@pytest.fixture
def fake_modules(monkeypatch):
    """Modules of a library that is not installed, with the names that an example imports from them."""

    def put(name, **names):
        parts = name.split(".")
        for count in range(1, len(parts) + 1):
            module = type(sys)(".".join(parts[:count]))
            monkeypatch.setitem(sys.modules, module.__name__, module)
        vars(module).update(names)

    return put


class Small(nn.Module):
    """Two layers; two classes."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.hidden = nn.Linear(3, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(torch.relu(self.hidden(x)))


@pytest.fixture
def model():
    return Small()


def batches_of(task, count=5):
    generator = torch.Generator().manual_seed(task)
    return [
        (torch.randn(8, 3, generator=generator), torch.randint(0, 2, (8,), generator=generator)) for _ in range(count)
    ]
