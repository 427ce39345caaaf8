"""What docs/howto-my-own-net.md tells to do, done."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from prototxt.common.real_caffe import caffe_path
from prototxt.formats.weights import read_weights

REPOSITORY = Path(__file__).resolve().parents[2]
BLOCKS = re.compile(r"^```(python|sh)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.long
@pytest.mark.caffe
def test_every_step_of_the_page(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "caffe").symlink_to(caffe_path())
    for name, module in (
        ("convert_pytorch_to_caffe", "converters.convert_pytorch_to_caffe"),
        ("torchcaffe", "torchcaffe"),
    ):
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} -m {module} "$@"\n')
        (programs / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(REPOSITORY)}
    folder, said = tmp_path, ""
    for language, name, text in BLOCKS.findall((REPOSITORY / "docs/howto-my-own-net.md").read_text()):
        if language == "python":
            (tmp_path / name).write_text(text)
            command = [sys.executable, name] if name != "mynet.py" else ["true"]
        else:
            command = ["sh", "-ec", text]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (text, done.stdout, done.stderr)
        said += done.stdout + done.stderr
        if "cd build/mynet" in text:
            folder = tmp_path / "build/mynet"
    assert "gradients of the input and" in said
    assert "train it with: cd build/mynet && caffe train -solver solver.prototxt -weights mynet.caffemodel" in said
    before, after = (read_weights(folder / f"{name}.caffemodel") for name in ("mynet", "mynet_train_iter_40"))
    assert before.keys() == after.keys()
    accuracies = [float(number) for number in re.findall(r"accuracy = ([\d.]+)", said)]
    assert accuracies[-1] > 0.9
