"""What PyTorch computes at every layer of a conversion: the values that the engines must give too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from converters.capture import evaluating
from converters.captured import Captured
from converters.conversion import Conversion
from converters.engines.engine import Top
from converters.errors import ConversionError, ParityError
from converters.signature import arguments, tensors
from converters.verdict import difference


@dataclass(frozen=True)
class Expected:
    """PyTorch's values of one input, computed in both precisions; arrays by (layer, index of top)."""

    float32: dict[Top, np.ndarray]
    float64: dict[Top, np.ndarray]

    @classmethod
    def of(cls, conversion: Conversion, feed: Mapping[str, np.ndarray]) -> Expected:
        """Those of a feed, of the shapes that the graph was captured with."""
        return cls(reference_values(conversion, feed), reference_values(conversion, feed, torch.float64))


def reference_values(
    conversion: Conversion, feed: Mapping[str, np.ndarray], dtype: torch.dtype = torch.float32
) -> dict[Top, np.ndarray]:
    """What every layer's top must hold, computed by PyTorch from the captured graph.

    Parameters
    ----------
    feed : arrays by input, of the shapes that the graph was captured with (`converters.example_inputs.in_batches`).
    dtype : floating-point type to compute in.

    Returns
    -------
    arrays by (layer, index of top); layers that only exist in Caffe, such as the first of two that make one
    operation, are not among them.
    """
    captured = captured_graph(conversion)
    nodes = {reference.node for reference in conversion.references}
    values = captured.run(_on_device(captured, feed), nodes, dtype)
    return {
        (ref.layer, ref.top): (values[ref.node] if ref.part is None else values[ref.node][ref.part]).cpu().numpy()
        for ref in conversion.references
    }


def captured_graph(conversion: Conversion) -> Captured:
    """The PyTorch graph that a conversion was made of.

    Raises
    ------
    ConversionError : if it was read back from files, which do not hold it.
    """
    if conversion.captured is None:
        raise ConversionError("this conversion has no PyTorch graph to be verified by: convert the model again")
    return conversion.captured


def _on_device(captured: Captured, feed: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    device = next((value.device for value in captured.constants.values()), torch.device("cpu"))
    return {name: torch.from_numpy(array).to(device) for name, array in feed.items()}


@torch.no_grad()
def check_capture(captured: Captured, model: nn.Module, feed: Mapping[str, np.ndarray]) -> None:
    """Make sure that a captured graph computes what its model does.

    Parameters
    ----------
    model : in evaluation mode for the time being.
    feed : arrays by input, of the shapes that the graph was captured with.

    Raises
    ------
    ParityError : if a result differs by more than 1e-5 of its largest value.
    """
    given = _on_device(captured, feed)
    nodes = [output.node for output in captured.outputs if output.node]
    ours = captured.run(given, set(nodes))
    values = {
        each.parameter: given[each.name].long() if each.integers else given[each.name].clone()
        for each in captured.inputs
    }
    positional, named = arguments(model, values)
    with evaluating(model):
        results = tensors(model(*positional, **named))
    for name, result in zip(nodes, results, strict=True):
        found = difference(ours[name].cpu().numpy(), result.cpu().numpy())
        if not found.relative <= 1e-5:
            raise ParityError(
                f"torch.export captured another computation than {type(model).__name__} does in evaluation mode "
                f"(relative difference {found.relative:.2e}); its forward may be random or depend on its input"
            )
