"""Runs a written module, to verify it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from converters.back.examples import Inputs
from converters.back.pytorch.module import Module
from converters.back.verification import Program
from prototxt.net.graph import Value


def program(module: Module, path: Path) -> Program:
    """The module that was written to ``path``, its weights beside it.

    The file itself gives the outputs; the same text, but for what ``forward`` returns, gives all blobs.
    """
    written = _execute(path.read_text(encoding="utf-8"), path).load()
    recording = _execute(module.text(record=True), path).load()

    def run(inputs: Inputs) -> Mapping[Value, np.ndarray]:
        tensors = [torch.from_numpy(inputs[value]) for value in module.source.inputs]
        with torch.inference_mode():
            outputs, blobs = _by_blob(module, written(*tensors)), recording(*tensors)
        values = {str(value): value for value in module.source.values}
        found = {values[name]: tensor.detach().numpy() for name, tensor in blobs.items() if name in values}
        return found | {
            value: outputs[value.blob].detach().numpy() for value in module.source.outputs if value in found
        }

    return Program("PyTorch", f"torch {torch.__version__}", run)


def _by_blob(module: Module, result: Any) -> dict[str, torch.Tensor]:
    outputs = module.source.outputs
    return result if isinstance(result, dict) else {outputs[0].blob: result}


def _execute(text: str, path: Path) -> ModuleType:
    """Run the file's text as a module that believes to be the file."""
    made = ModuleType(path.stem)
    made.__file__ = str(path)
    exec(compile(text, str(path), "exec"), made.__dict__)
    return made
