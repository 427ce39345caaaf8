"""ONNX Runtime as the judge of what was read: it runs the file itself, and knows nothing of PyTorch or Caffe."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor

from converters.errors import ParityError
from converters.example_inputs import example_inputs
from converters.onnx.file import OnnxFile
from converters.onnx.module import OnnxModule
from converters.verdict import LayerCheck, Verification, difference

NAME = "onnxruntime"
BAR = 1e-4
_HALF_BAR = 5e-2  # for a file in float16, in which ONNX Runtime computes
_TYPES = {"float": np.float32, "double": np.float64, "float16": np.float16, "int64": np.int64, "int32": np.int32}
_RUNS = 2


def judge(file: OnnxFile, module: OnnxModule) -> list[Verification]:
    """Compare the outputs of a module with those of ONNX Runtime; nothing where that is not installed.

    Where the module takes any batch, it gets two inputs at once and ONNX Runtime one after the other, which proves it.
    """
    if find_spec(NAME) is None:
        return []
    import onnxruntime

    bar = _HALF_BAR if any("float16" in note for note in file.notes) else BAR
    try:
        expected = _run(onnxruntime, file)
    except Exception as error:  # ONNX Runtime has a class of its own for every kind of refusal
        reason = str(error).strip().splitlines()[0][:200]
        return [Verification(NAME, onnxruntime.__version__, bar, 0, (), f"does not run the model: {reason}")]
    single, double = (_outputs(file, module, dtype) for dtype in (torch.float32, torch.float64))
    checks = tuple(_check(name, theirs, single[name], double[name]) for name, theirs in expected.items())
    return [Verification(NAME, onnxruntime.__version__, bar, _RUNS, checks)]


def _check(name: str, theirs: np.ndarray, single: np.ndarray, double: np.ndarray) -> LayerCheck:
    if theirs.shape != single.shape:
        raise ParityError(
            f"ONNX Runtime gives output {name!r} the shape {theirs.shape}, but it was read with {single.shape}; please "
            "report the model"
        )
    return LayerCheck(name, difference(single, theirs), difference(theirs, double), difference(single, double))


def _feeds(file: OnnxFile) -> list[dict[str, np.ndarray]]:
    """Inputs of every run by name, channels first."""
    arrays = {name: example_inputs(shape, number) for number, (name, shape) in enumerate(file.shapes.items())}
    whole = {entry.name for entry in file.graph.inputs if not entry.dtype.is_floating_point}
    return [
        {name: np.abs(found[run]).round() if name in whole else found[run] for name, found in arrays.items()}
        for run in range(_RUNS)
    ]


def _run(onnxruntime: Any, file: OnnxFile) -> dict[str, np.ndarray]:
    """Outputs of all runs in ONNX Runtime, one behind the other."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    session = onnxruntime.InferenceSession(str(file.path), options, providers=["CPUExecutionProvider"])
    types = {entry.name: _TYPES[entry.type.removeprefix("tensor(").removesuffix(")")] for entry in session.get_inputs()}
    last = {entry.name for entry in file.graph.inputs if entry.channels_last}
    found = []
    for feed in _feeds(file):
        given = {name: array.transpose(0, 2, 3, 1) if name in last else array for name, array in feed.items()}
        found.append(session.run(list(file.graph.outputs), {name: given[name].astype(types[name]) for name in given}))
    return {
        name: np.concatenate(results)
        for name, results in zip(file.graph.outputs, zip(*found, strict=True), strict=True)
    }


@torch.no_grad()
def _outputs(file: OnnxFile, module: OnnxModule, dtype: torch.dtype) -> dict[str, np.ndarray]:
    """Outputs of all runs in PyTorch, at once or one behind the other."""
    constants = {name: _cast(value, dtype) for name, value in module.constants().items()}
    whole = {entry.name: entry.dtype for entry in file.graph.inputs if not entry.dtype.is_floating_point}
    feeds = [{name: torch.from_numpy(array) for name, array in feed.items()} for feed in _feeds(file)]
    if module.any_batch:
        feeds = [{name: torch.cat([feed[name] for feed in feeds]) for name in feeds[0]}]
    runs = [
        module.compute({name: value.to(whole.get(name, dtype)) for name, value in feed.items()}, constants)
        for feed in feeds
    ]
    return {name: torch.cat([module.output(name, run) for run in runs]).numpy() for name in file.graph.outputs}


def _cast(value: Tensor, dtype: torch.dtype) -> Tensor:
    return value.to(dtype) if value.is_floating_point() else value
