"""Softmax and its logarithm."""

from __future__ import annotations

from converters.call import Call
from converters.registry import converts


@converts("aten.softmax.int")
def convert_softmax(call: Call) -> str:
    """Softmax over one axis."""
    return call.layer("Softmax", call.blob("self"), softmax_param=_axis(call))


@converts("aten.log_softmax.int")
def convert_log_softmax(call: Call) -> str:
    """Softmax, then Log: minus infinity where the probability is below the smallest float32."""
    probabilities = call.layer("Softmax", call.blob("self"), part="softmax", softmax_param=_axis(call))
    return call.layer("Log", probabilities)


def _axis(call: Call) -> dict[str, int]:
    axis = call["dim"] % len(call.shape)
    return {} if axis == 1 else {"axis": axis}
