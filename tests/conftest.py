"""What all tests share: which of them can run here, where real Caffe and the research data are, fixed seeds."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # before anything imports Qt

import numpy as np
import pytest

# A shell that starts pytest in the background has it ignore Ctrl-C, and so has every program that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

REPOSITORY = Path(__file__).resolve().parents[1]
CAFFE_ROOT = Path(os.environ.get("CAFFE_ROOT") or Path.home() / ".cache/deepvis/caffe")
RKNN_ROOT = Path(os.environ.get("RKNN_ROOT") or Path.home() / ".cache/deepvis/rknn")
DATA = Path(os.environ.get("DEEPVIS_DATA") or REPOSITORY.parent / "shared/data")


@dataclass(frozen=True)
class RealCaffe:
    """Where the wrappers of the installed BVLC Caffe are."""

    caffe: Path
    python: Path
    root: Path

    def run(self, *arguments: str | Path, cwd: Path | None = None, timeout: float = 120) -> subprocess.CompletedProcess:
        """Run ``caffe`` with arguments; stdout and stderr come back as one text in ``stdout``."""
        return _run([self.caffe, *arguments], cwd, timeout)

    def run_python(
        self, script: str, *arguments: str | Path, cwd: Path | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess:
        """Run a script (its text) in the Python that has real pycaffe; ``sys.argv[1:]`` are the arguments."""
        return _run([self.python, "-c", script, *arguments], cwd, timeout)

    def run_tool(self, name: str, *arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess:
        """Run another program of an unpacked Debian (``upgrade_net_proto_text`` …) as the wrapper runs ``caffe``."""
        program = f'"$root/usr/bin/{name}"'
        wrapper = self.caffe.read_text().replace('"$root/usr/bin/caffe"', program)
        if program not in wrapper:
            pytest.skip(f"this installation of Caffe has no {name}")
        wrapper = wrapper.replace("$0", str(self.caffe))
        return _run(["/bin/sh", "-c", wrapper, name, *arguments], cwd, timeout=60)


def _run(command: list[str | Path], cwd: Path | None, timeout: float) -> subprocess.CompletedProcess:
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        timeout=timeout,
        text=True,
        errors="replace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reasons = {
        "caffe": None if (CAFFE_ROOT / "bin/caffe").exists() else f"no real Caffe in {CAFFE_ROOT} (make caffe)",
        "opencv4": _why_no_caffe_reader() if any(item.get_closest_marker("opencv4") for item in items) else None,
        "rknn": None if (RKNN_ROOT / "bin/python").exists() else f"no {RKNN_ROOT}/bin/python (tools/install_rknn)",
        "data": None if DATA.is_dir() else f"no research data in {DATA} ($DEEPVIS_DATA)",
        "gpu": _why_no_gpu() if any(item.get_closest_marker("gpu") for item in items) else None,
    }
    for item in items:
        for mark, reason in reasons.items():
            if reason and item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=reason))


def _why_no_gpu() -> str | None:
    import torch

    return None if torch.cuda.is_available() else "no CUDA device"


def _why_no_caffe_reader() -> str | None:
    import cv2

    return (
        None if hasattr(cv2.dnn, "readNetFromCaffe") else f"OpenCV {cv2.__version__} reads no Caffe nets (4.10-4.14 do)"
    )


@pytest.fixture(scope="session")
def real_caffe() -> RealCaffe:
    return RealCaffe(CAFFE_ROOT / "bin/caffe", CAFFE_ROOT / "bin/caffe-python", CAFFE_ROOT)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    return DATA


@pytest.fixture(autouse=True)
def _seeds() -> None:
    random.seed(0)
    np.random.seed(0)
    if "torch" in sys.modules:  # importing it costs seconds that tests of the formats need not spend
        sys.modules["torch"].manual_seed(0)
