"""Runs a written ONNX model in ONNX Runtime, to verify it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

import onnx
from converters.back.examples import Inputs
from converters.back.onnx.model import names, with_outputs, write_onnx
from converters.back.source_net import SourceNet
from converters.back.verification import Program
from prototxt.net.graph import Value

QUIET = 3
"""Only errors are logged."""


def program(source: SourceNet, path: Path) -> Program:
    """The model that was written to ``path``, with every blob as an output."""
    import onnxruntime

    named = names(source)
    every = with_outputs(onnx.load(path), source)
    with tempfile.TemporaryDirectory(prefix="onnx-") as folder:
        write_onnx(every, Path(folder) / "every.onnx", check=False)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = QUIET
        # Otherwise operators are fused, and what is compared is not what the file says.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(
            str(Path(folder) / "every.onnx"), options, providers=["CPUExecutionProvider"]
        )
    arguments = dict(zip(source.inputs, (each.name for each in session.get_inputs()), strict=True))

    def run(inputs: Inputs) -> Mapping[Value, np.ndarray]:
        results = session.run(list(named.values()), {arguments[value]: array for value, array in inputs.items()})
        return dict(zip(named, results, strict=True))

    return Program("ONNX Runtime", f"onnxruntime {onnxruntime.__version__}", run)
