"""How far gradients are from PyTorch's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from converters.conversion import Conversion
from converters.errors import ConversionError, ParityError
from converters.example_inputs import example_inputs
from converters.gradients.engines import GRADIENTS, GradientJob
from converters.gradients.reference import Key, Loss, parameter_of_blob, reference_gradients
from converters.subnets import up_to
from converters.verdict import difference
from converters.verification import feeds_of, seen_by_graph
from prototxt.net.graph import NetGraph

LEAST_COSINE = 0.999
"""Where a ReLU's input is next to zero, rounding decides whether it passes a gradient on: single values differ then."""


@dataclass(frozen=True)
class GradientCheck:
    """One gradient.

    Parameters
    ----------
    name : of the parameter, or of the net's input.
    layer : that has it, "" for an input.
    cosine : of the angle between the engine's and PyTorch's in float64.
    relative : largest difference relative to the largest value of PyTorch's in float64.
    float32_relative : the same for PyTorch in float32.
    """

    name: str
    layer: str
    cosine: float
    relative: float
    float32_relative: float

    @property
    def passes(self) -> bool:
        """Whether the directions agree, or the engine is as near to float64 as PyTorch itself."""
        return self.cosine >= LEAST_COSINE or self.relative <= 2 * self.float32_relative


@dataclass(frozen=True)
class GradientVerification:
    """One engine's gradients.

    Parameters
    ----------
    engine : name in `converters.engines.ENGINES`.
    checks : of every gradient that was compared.
    parameters : how many the model has; those that no blob holds as they are are not compared.
    """

    engine: str
    checks: tuple[GradientCheck, ...]
    parameters: int

    def sentence(self) -> str:
        """What was found, in a line."""
        worst = min(self.checks, key=lambda check: check.cosine)
        compared = sum(bool(check.layer) for check in self.checks)
        return (
            f"{self.engine}: gradients of the input and {compared} of {self.parameters} parameters, least cosine "
            f"{worst.cosine:.7f} at {worst.name}, largest relative difference "
            f"{max(check.relative for check in self.checks):.1e}"
        )


def verify_gradients(
    conversion: Conversion, model: nn.Module, engines: Sequence[str] = ("torchcaffe",)
) -> list[GradientVerification]:
    """Compare the backward pass of a conversion with PyTorch's autograd.

    The loss is the first output's sum, weighted with fixed noise, in evaluation mode; PyTorch computes it in float32,
    and in float64, which stands for the truth.

    Raises
    ------
    ConversionError : for an engine that computes no gradients.
    """
    for engine in engines:
        if engine not in GRADIENTS:
            raise ConversionError(f"{engine} computes no gradients; {' and '.join(GRADIENTS)} do")
    feed = feeds_of(conversion)[0]
    loss = _loss(conversion, model, seen_by_graph(conversion, feed))
    exact, single = (
        reference_gradients(conversion, model, seen_by_graph(conversion, feed), loss, dtype)
        for dtype in (torch.float64, torch.float32)
    )
    graph = NetGraph(conversion.net)
    maker = graph.producer(graph.value(loss.blob))
    net = up_to(conversion.net, [(maker.name, maker.tops.index(graph.value(loss.blob)))])
    present = {layer.name for layer in net.layer}
    weights = {name: arrays for name, arrays in conversion.weights.items() if name in present}
    wanted = tuple(key for key, gradient in exact.items() if gradient.size and (key[1] < 0 or key[0] in present))
    job = GradientJob(net, weights, feed, loss.blob, loss.weights, wanted)
    names = parameter_of_blob(conversion, model)
    count = sum(1 for _ in model.parameters())
    return [
        GradientVerification(engine, tuple(_checks(GRADIENTS[engine](job), exact, single, names)), count)
        for engine in engines
    ]


def check_gradients(verifications: Iterable[GradientVerification]) -> None:
    """Refuse a conversion whose gradients are not PyTorch's.

    Raises
    ------
    ParityError : naming the engine and the parameter that is farthest off.
    """
    for verification in verifications:
        wrong = [check for check in verification.checks if not check.passes]
        if wrong:
            worst = min(wrong, key=lambda check: check.cosine)
            raise ParityError(
                f"{verification.engine} computes {len(wrong)} of {len(verification.checks)} gradients otherwise than "
                f"PyTorch, worst that of {worst.name}: cosine {worst.cosine:.4f}, allowed {LEAST_COSINE}"
            )


def summary(verifications: Iterable[GradientVerification]) -> dict[str, Any]:
    """What `conversion.json` says of the gradients, by engine."""
    return {
        each.engine: {
            "gradients": len(each.checks),
            "parameters": each.parameters,
            "least_cosine": min(check.cosine for check in each.checks),
            "largest_relative": max(check.relative for check in each.checks),
        }
        for each in verifications
    }


def _loss(conversion: Conversion, model: nn.Module, feed: dict[str, np.ndarray]) -> Loss:
    assert conversion.captured is not None
    path, blob = next((path, blob) for path, blob in conversion.outputs.items() if blob)
    node = next(output.node for output in conversion.captured.outputs if output.path == path)
    result = conversion.captured.run({name: torch.from_numpy(array) for name, array in feed.items()}, {node})[node]
    return Loss(path, blob, example_inputs(tuple(result.shape))[1])


def _checks(
    found: dict[Key, np.ndarray], exact: dict[Key, np.ndarray], single: dict[Key, np.ndarray], names: dict[Key, str]
) -> Iterable[GradientCheck]:
    for key, gradient in found.items():
        wanted = exact[key]
        product = float(np.linalg.norm(gradient.astype(np.float64)) * np.linalg.norm(wanted))
        cosine = float(gradient.astype(np.float64) @ wanted) / product if product else float(not gradient.any())
        yield GradientCheck(
            names.get(key, key[0]),
            key[0] if key[1] >= 0 else "",
            cosine,
            difference(gradient, wanted).relative,
            difference(single[key], wanted).relative,
        )
