"""Forms and shapes that hypothesis draws, a few of them in every run, many in the long one.

Each is held against PyTorch in torchcaffe, value and gradient. The long run holds all of them against PyTorch in real
Caffe too, in one process, and takes each a second time by way of the ONNX file that torch exports of it: there ONNX
Runtime is the judge of torchcaffe, and PyTorch that of real Caffe.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from converters import Conversion, convert_onnx
from converters.engines import ENGINES, Job
from converters.verification import write_files
from tests.converters.onnx.one_node import run_onnxruntime
from tests.converters.ops.both_ways import (
    BAR,
    Case,
    Shape,
    assert_both_ways,
    assert_both_ways_in_caffe,
    for_any,
    make_case,
)
from tests.converters.parity import assert_parity_in

FEW, MANY = 2, 40
GRADIENT = 1e-4
"""Largest difference of gradients, which go through two more roundings."""


class Form(NamedTuple):
    """What was drawn.

    Parameters
    ----------
    name : that tells all of it, for the message.
    model : a module, or a function of the input.
    shape : of the input, with two pictures.
    """

    name: str
    model: nn.Module | Callable[[Tensor], Tensor]
    shape: Shape


def any_form(forms: st.SearchStrategy[Form], bar: float = GRADIENT, onnx: bool = True) -> Any:
    """The test of an operation's forms.

    Parameters
    ----------
    bar : largest difference from PyTorch, relative to the largest value.
    onnx : False for what torch's exporter to ONNX does not know.
    """

    @pytest.mark.parametrize(
        "examples", [FEW, pytest.param(MANY, marks=[pytest.mark.long, pytest.mark.caffe, pytest.mark.timeout(1500)])]
    )
    def test(examples: int, tmp_path: Path) -> None:
        drawn: dict[str, Form] = {}
        for_any(forms, lambda form: drawn.update({f"{form.name} of {form.shape}": form}), examples)
        cases = {name: make_case(form.model, form.shape) for name, form in drawn.items()}
        assert_both_ways(cases, tmp_path, bar)
        if examples == MANY:
            _assert_in_caffe(cases, tmp_path, bar)
        if examples == MANY and onnx:
            assert_by_way_of_onnx({name: (case.model, case.images) for name, case in cases.items()}, tmp_path)

    return test


def _assert_in_caffe(cases: Mapping[str, Case], folder: Path, bar: float) -> None:
    """Value and gradient; of nets with a Threshold, which has no way back in real Caffe, the value alone."""
    one_way = {
        name for name, case in cases.items() if any(each.type == "Threshold" for each in case.conversion.net.layer)
    }
    both_ways = {name: case for name, case in cases.items() if name not in one_way}
    if both_ways:
        assert_both_ways_in_caffe(both_ways, folder, bar)
    if one_way:
        assert_parity_in("caffe", {name: cases[name].conversion for name in sorted(one_way)}, folder)


def assert_by_way_of_onnx(models: dict[str, tuple[nn.Module, np.ndarray]], folder: Path) -> None:
    """Export, read and convert: torchcaffe must give what ONNX Runtime does, real Caffe what PyTorch does."""
    conversions: dict[str, Conversion] = {}
    for name, (model, images) in models.items():
        path = folder / "exported.onnx"
        try:
            _export(model, images, path)
        except torch.onnx.OnnxExporterError:  # a form that torch cannot write as ONNX
            continue
        conversions[name] = convert_onnx(path, softmax=False)
        (expected,) = run_onnxruntime(path, {"data": images})
        found = _in_torchcaffe(conversions[name], images, folder)
        error = np.abs(found.reshape(expected.shape) - expected).max() / (np.abs(expected).max() or 1.0)
        assert error <= BAR, f"{name}: torchcaffe differs from ONNX Runtime by {error:.1e} of the largest value"
    assert conversions
    assert_parity_in("caffe", conversions, folder)


def _export(model: nn.Module, images: np.ndarray, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = (torch.from_numpy(images),)
        torch.onnx.export(model.eval(), given, str(path), opset_version=17, dynamo=False, input_names=["data"])


def _in_torchcaffe(conversion: Conversion, images: np.ndarray, folder: Path) -> np.ndarray:
    files = write_files(conversion, folder, "from_onnx")
    (output,) = conversion.outputs.values()
    tops = [(layer.name, list(layer.top).index(output)) for layer in conversion.net.layer if output in layer.top]
    top = tops[-1]  # after the layers that work in place
    (result,) = ENGINES["torchcaffe"].run([Job(files.prototxt, files.caffemodel, ({"data": images},), (top,))])
    return result[top]


def shapes(least: int = 2, most: int = 5, extents: tuple[int, int] = (1, 5)) -> st.SearchStrategy[Shape]:
    """Shapes of ``least`` to ``most`` axes with two pictures."""
    axes = st.lists(st.integers(*extents), min_size=least - 1, max_size=most - 1)
    return axes.map(lambda found: (2, *found))


def form_of(
    shape: st.SearchStrategy[Shape], functions: dict[str, Callable[[Tensor, float, float], Tensor]]
) -> st.SearchStrategy[Form]:
    """One of several functions of the input and of two numbers between 0.2 and 2."""

    @st.composite
    def forms(draw: st.DrawFn) -> Form:
        name = draw(st.sampled_from(sorted(functions)))
        a, b = (round(draw(st.floats(0.2, 2.0)), 2) for _ in range(2))
        return Form(f"{name} with {a}, {b}", lambda x: functions[name](x, a, b), draw(shape))

    return forms()


def taught(layer: nn.Module) -> nn.Module:
    """The layer with weights, and statistics, that are neither 0 nor 1."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for value in layer.state_dict().values():
            if value.is_floating_point():
                value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
        for value in layer.parameters():
            value.sub_(1.0)
    return layer
