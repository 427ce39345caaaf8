"""How the tests hold what was written against the net that it was made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from torch import nn

from converters.back.examples import Inputs, example_batches
from converters.back.onnx.model import batch_is_free, to_onnx, write_onnx
from converters.back.onnx.running import program as onnx_program
from converters.back.pytorch.module import to_module
from converters.back.pytorch.running import program as pytorch_program
from converters.back.source_net import SourceNet
from converters.back.verification import Program, verify
from converters.verdict import Verification


def pytorch(source: SourceNet, folder: Path) -> Program:
    """Write the module."""
    module = to_module(source)
    path = folder / "net.py"
    path.write_text(module.text())
    save_file({key: np.array(array) for key, array in module.state.items()}, path.with_suffix(".safetensors"))
    return pytorch_program(module, path)


def onnx(source: SourceNet, folder: Path) -> Program:
    """Write the model."""
    path = folder / "net.onnx"
    write_onnx(to_onnx(source), path)
    return onnx_program(source, path)


PROGRAMS = {"pytorch": pytorch, "onnx": onnx}


def in_pytorch(source: SourceNet, folder: Path, batches: list[Inputs] | None = None) -> Verification:
    """Write the module and compare all its blobs."""
    return verify(source, pytorch(source, folder), batches or example_batches(source, 3))


def in_onnx(source: SourceNet, folder: Path, batches: list[Inputs] | None = None) -> Verification:
    """Write the model and compare all its blobs."""
    batches = batches or example_batches(source, 3 if batch_is_free(source) else None)
    return verify(source, onnx(source, folder), batches)


def written(source: SourceNet, folder: Path) -> nn.Module:
    """The module that is written, loaded as its user would."""
    module = to_module(source)
    (folder / "net.py").write_text(module.text())
    save_file({key: np.array(array) for key, array in module.state.items()}, folder / "net.safetensors")
    namespace: dict[str, Any] = {"__file__": str(folder / "net.py"), "__name__": "net"}
    exec(compile((folder / "net.py").read_text(), "net.py", "exec"), namespace)
    return namespace["load"]()


def assert_equal(verification: Verification) -> None:
    """Every blob must be within the bar; the allowance for ill-conditioned nets is not used."""
    assert verification.layers
    assert not verification.note
    for check in verification.layers:
        assert check.difference.relative <= verification.bar, check
