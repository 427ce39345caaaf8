"""Holds functions and layers against PyTorch in float64, forward and backward, in torchcaffe and in real Caffe."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import Tensor, fx, nn

from converters import Conversion, convert
from converters.capture import evaluating
from converters.example_inputs import example_inputs
from converters.registry import CONVERTERS
from converters.verification import write_files
from prototxt.common.real_caffe import need_caffe, run_caffe
from prototxt.formats.text import read_net
from prototxt.formats.weights import read_weights
from torchcaffe.network import Network

BAR = 1e-5
"""Largest difference that counts as equal, relative to the largest value."""

DRIVER = Path(__file__).with_name("backward_driver.py")

Shape = tuple[int, ...]

FEW_AND_MANY = pytest.mark.parametrize("examples", [3, pytest.param(60, marks=pytest.mark.long)])
"""For a test with ``examples``: how many of hypothesis it tries, few by default."""


class Function(nn.Module):
    """A function of the input as a model."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, images: Tensor) -> Tensor:
        """What the function gives."""
        return self.function(images)


class SideBySide(nn.Module):
    """Many functions of one input, their results flattened behind each other: one net for all of them.

    A Power stands before each Flatten, since stock Caffe gives a Reshape that Flatten reads a gradient of zero.
    """

    def __init__(self, functions: Sequence[Callable[[Tensor], Tensor]]) -> None:
        super().__init__()
        self.functions = functions

    def forward(self, images: Tensor) -> Tensor:
        """(N, all values of all results)."""
        return torch.cat([(function(images) * 1.5).flatten(1) for function in self.functions], 1)


@dataclass(frozen=True)
class Case:
    """A conversion with what it must give: arrays of the result and of the input's gradient, float64."""

    model: nn.Module
    conversion: Conversion
    images: np.ndarray
    top_diff: np.ndarray
    top: np.ndarray
    bottom_diff: np.ndarray

    def at(self, shape: Shape) -> Case:
        """The same conversion, with what it must give for an input of another shape."""
        return Case(self.model, self.conversion, *_expected(self.model, example_inputs(shape)[0]))


def make_case(model: nn.Module | Callable[[Tensor], Tensor], shape: Shape, images: np.ndarray | None = None) -> Case:
    """Convert a model, or a function, and run it in float64 with the gradient of a fixed projection of its result."""
    model = model if isinstance(model, nn.Module) else Function(model)
    conversion = convert(model, shape, softmax=False)
    return Case(model, conversion, *_expected(model, example_inputs(shape)[0] if images is None else images))


def _expected(model: nn.Module, images: np.ndarray) -> tuple[np.ndarray, ...]:
    """The input, the gradient of the result that is given, the result and the gradient of the input."""
    states = {name: value.clone() for name, value in model.state_dict().items()}
    with evaluating(model), torch.enable_grad():
        model.double()
        x = torch.from_numpy(images).double().requires_grad_()
        top = model(x)
        top_diff = example_inputs(tuple(top.shape))[1]
        (bottom_diff,) = torch.autograd.grad((top * torch.from_numpy(top_diff)).sum(), x)
        model.float()
    model.load_state_dict(states)
    return images, top_diff, top.detach().numpy(), bottom_diff.numpy()


def for_any(strategy: st.SearchStrategy[Any], check: Callable[[Any], None], examples: int) -> None:
    """Call ``check`` with as many values that hypothesis draws."""
    phases = (Phase.explicit, Phase.reuse, Phase.generate)  # making a failure smaller would take minutes
    settings(max_examples=examples, deadline=None, phases=phases)(given(strategy)(check))()


def assert_both_ways(cases: Mapping[str, Case], folder: Path, bar: float = BAR) -> None:
    """In torchcaffe: the result and the input's gradient of every case must be those of PyTorch."""
    for name, case in cases.items():
        files = write_files(case.conversion, folder, "case")
        net = read_net(files.prototxt)
        net.force_backward = True
        network = Network(net, weights=read_weights(files.caffemodel, net), seed=0)
        x = torch.from_numpy(case.images).requires_grad_()
        (top,) = network(x)
        top.backward(torch.from_numpy(case.top_diff).reshape(top.shape))
        assert x.grad is not None, name
        _compare(name, case, top.detach().numpy(), x.grad.numpy(), bar)


def assert_both_ways_in_caffe(cases: Mapping[str, Case], folder: Path, bar: float = 1e-5) -> None:
    """The same in real Caffe, all cases in one process."""
    jobs = []
    for number, case in enumerate(cases.values()):
        files = write_files(case.conversion, folder, f"net{number}")
        files.prototxt.write_text(f"force_backward: true\n{files.prototxt.read_text()}")
        np.savez(folder / f"net{number}.in.npz", images=case.images, top_diff=case.top_diff)
        jobs.append([str(files.prototxt), str(files.caffemodel), str(folder / f"net{number}")])
    (folder / "jobs.json").write_text(json.dumps(jobs))
    run_caffe([need_caffe("caffe-python", "the test is skipped without it"), DRIVER, folder / "jobs.json"])
    for number, (name, case) in enumerate(cases.items()):
        with np.load(folder / f"net{number}.out.npz") as found:
            _compare(name, case, found["top"], found["bottom_diff"], bar)


def _compare(name: str, case: Case, top: np.ndarray, bottom_diff: np.ndarray, bar: float) -> None:
    for what, ours, true in (("result", top, case.top), ("gradient", bottom_diff, case.bottom_diff)):
        assert ours.size == true.size, (name, what, ours.shape, true.shape)
        largest = np.abs(true).max() or 1.0
        error = np.abs(ours.reshape(true.shape) - true).max() / largest
        assert error <= bar, f"{name}: the {what} differs by {error:.1e} of its largest value"


def assert_covered(module: str, cases: Mapping[str, Case]) -> None:
    """Every operation that the op file called ``module`` converts must occur in one of the cases."""
    registered = {op for op, function in CONVERTERS.items() if function.__module__ == f"converters.ops.{module}"}
    found = {str(node.target) for case in cases.values() for node in _graph(case).nodes if node.op == "call_function"}
    assert not registered - found, registered - found


def _graph(case: Case) -> fx.Graph:
    assert case.conversion.captured is not None
    return case.conversion.captured.graph.graph


def contract_of(file: str, bar: float = BAR) -> tuple[Any, Any, Any]:
    """What a file of operations is held to, as tests; its test file has a fixture ``cases``.

    Parameters
    ----------
    file : name of the module in ``converters.ops``.
    bar : largest difference from PyTorch, relative to the largest value.

    Returns
    -------
    Tests of value and gradient in torchcaffe, of both in real Caffe, and of a case for every operation.
    """

    def in_torchcaffe(cases: dict[str, Case], tmp_path: Path) -> None:
        assert_both_ways(cases, tmp_path, bar)

    @pytest.mark.caffe
    def in_real_caffe(cases: dict[str, Case], tmp_path: Path) -> None:
        assert_both_ways_in_caffe(cases, tmp_path, bar)

    def all_is_covered(cases: dict[str, Case]) -> None:
        assert_covered(file, cases)

    return in_torchcaffe, in_real_caffe, all_is_covered
