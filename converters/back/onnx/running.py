"""Runs a written ONNX model in ONNX Runtime, to verify it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx

from converters.back.examples import Inputs
from converters.back.onnx.model import names, with_outputs
from converters.back.source_net import SourceNet
from converters.back.verification import Program
from converters.errors import ConversionError
from prototxt.net.graph import Value

QUIET = 3
"""Only errors are logged."""


def program(source: SourceNet, path: Path) -> Program:
    """The model that was written to ``path``, with every blob as an output.

    Raises
    ------
    ConversionError : if ONNX Runtime is not installed.
    """
    onnxruntime = _onnxruntime()
    named = names(source)
    session = _session(onnxruntime, with_outputs(onnx.load(path, load_external_data=False), source), path)
    arguments = dict(zip(source.inputs, (each.name for each in session.get_inputs()), strict=True))

    def run(inputs: Inputs) -> Mapping[Value, np.ndarray]:
        results = session.run(list(named.values()), {arguments[value]: array for value, array in inputs.items()})
        return dict(zip(named, results, strict=True))

    return Program("ONNX Runtime", f"onnxruntime {onnxruntime.__version__}", run)


def _onnxruntime() -> ModuleType:
    try:
        import onnxruntime
    except ImportError:
        raise ConversionError(
            "ONNX Runtime, which verifies the model, is not installed: pip install onnxruntime, or give --no-verify"
        ) from None
    return onnxruntime


def _session(onnxruntime: ModuleType, model: onnx.ModelProto, path: Path) -> Any:
    """A session of the model, whose external arrays lie beside ``path``."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = QUIET
    # Otherwise operators are fused, and what is compared is not what the file says.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    beside = path.with_name(f".{path.name}.every-blob")
    try:
        onnx.save_model(model, beside)
        return onnxruntime.InferenceSession(str(beside), options, providers=["CPUExecutionProvider"])
    finally:
        beside.unlink(missing_ok=True)
