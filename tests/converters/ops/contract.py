"""What every file of operations is held to; its test file names its cases and gets the tests.

All cases with an input of one shape are branches of one net, which is captured, converted and run once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor, nn

from converters import Conversion, convert, verify
from converters.example_inputs import example_feeds
from converters.reference import captured_graph
from converters.registry import CONVERTERS
from converters.verdict import LayerCheck
from tests.converters.models import Cases
from tests.converters.parity import (
    assert_close,
    assert_parity_in,
    gradients_in_caffe,
    gradients_in_torchcaffe,
    true_gradient,
)

Shape = tuple[int, ...]


class Together(nn.Module):
    """Models that read the same input, and a dictionary of their results."""

    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(models)

    def forward(self, images: Tensor) -> list[object]:
        return [part(images) for part in self.parts]


class Contract:
    """Values and gradients in torchcaffe and in real Caffe, and a case for every operation of the file.

    Parameters
    ----------
    file : name of the module in ``converters.ops``.
    cases : models with the shapes of their input.
    without_gradient : names of the cases whose gradient is not compared, as PyTorch's or Caffe's has none.
    """

    def __init__(self, file: str, cases: Cases, without_gradient: Collection[str] = ()) -> None:
        assert set(without_gradient) <= set(cases)
        self.file = file
        self.cases = cases
        self.smooth = [name for name in cases if name not in without_gradient]
        self.conversion = cache(self._convert)
        self.checks = cache(self._verify)
        self.gradients = cache(self._gradients)

    def _names(self, shape: Shape, smooth: bool) -> list[str]:
        return [name for name in (self.smooth if smooth else self.cases) if self.cases[name][1] == shape]

    def _convert(self, shape: Shape, smooth: bool) -> tuple[nn.Module, Conversion]:
        model = Together([self.cases[name][0] for name in self._names(shape, smooth)])
        return model, convert(model, shape, softmax=False)

    def _verify(self, shape: Shape) -> dict[str, list[LayerCheck]]:
        model, conversion = self.conversion(shape, False)
        (verification,) = verify(conversion, model, ["torchcaffe"], example_feeds(captured_graph(conversion))[:2])
        assert not verification.note
        names = self._names(shape, False)
        found: dict[str, list[LayerCheck]] = {name: [] for name in names}
        for check in verification.layers:
            found[names[int(conversion.modules[check.layer].split(".")[1])]].append(check)
        return found

    def _gradients(self, shape: Shape) -> list[np.ndarray]:
        return gradients_in_torchcaffe(self.conversion(shape, True)[1], self._first_outputs(shape))

    def _first_outputs(self, shape: Shape) -> list[str]:
        """The blob of the first result of every smooth case."""
        outputs: dict[str, str] = {}
        for path, blob in self.conversion(shape, True)[1].outputs.items():
            if blob:
                outputs.setdefault(path.split(".")[0], blob)
        return list(outputs.values())

    @property
    def _shapes(self) -> list[Shape]:
        return list(dict.fromkeys(shape for _, shape in self.cases.values()))

    def test_values(self):
        """The test of the values in torchcaffe."""

        @pytest.mark.parametrize("name", self.cases)
        def test(name: str) -> None:
            checks = self.checks(self.cases[name][1])[name]
            assert checks
            for check in checks:
                assert check.difference.relative <= 1e-5, check

        return test

    def test_gradients(self):
        """The test of the input's gradient in torchcaffe."""

        @pytest.mark.parametrize("name", self.smooth)
        def test(name: str) -> None:
            model, shape = self.cases[name]
            conversion = self.conversion(shape, True)[1]
            found = self.gradients(shape)[self._names(shape, True).index(name)]
            assert_close(found, true_gradient(model, conversion))

        return test

    def test_real_caffe(self):
        """The test of values and gradients in real Caffe."""

        @pytest.mark.caffe
        def test(tmp_path: Path) -> None:
            assert_parity_in(
                "caffe", {str(shape): self.conversion(shape, False)[1] for shape in self._shapes}, tmp_path
            )
            shapes = [shape for shape in self._shapes if self._names(shape, True)]
            jobs = [(self.conversion(shape, True)[1], self._first_outputs(shape)) for shape in shapes]
            for shape, gradients in zip(shapes, gradients_in_caffe(jobs, tmp_path) if jobs else [], strict=True):
                for name, found in zip(self._names(shape, True), gradients, strict=True):
                    assert_close(found, true_gradient(self.cases[name][0], self.conversion(shape, True)[1]), name)

        return test

    def test_coverage(self):
        """The test that every operation of the file has a case."""

        def test() -> None:
            covered = {
                str(node.target)
                for shape in self._shapes
                for node in captured_graph(self.conversion(shape, False)[1]).graph.graph.nodes
                if node.op == "call_function"
            }
            own = {op for op, made in CONVERTERS.items() if made.__module__ == f"converters.ops.{self.file}"}
            assert own
            assert not own - covered, own - covered

        return test
