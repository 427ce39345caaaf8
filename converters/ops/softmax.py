"""Softmax and its logarithm."""

from __future__ import annotations

from converters.call import Call, Result
from converters.compose.broadcasting import plus
from converters.ops.reduction import log_sum_exp
from converters.registry import converts


@converts("aten.softmax.int")
def convert_softmax(call: Call) -> str:
    """Softmax over one axis."""
    axis = call["dim"] % len(call.shape)
    return call.layer("Softmax", call.blob("self"), softmax_param={} if axis == 1 else {"axis": axis})


@converts("aten.log_softmax.int", status="trick")
def convert_log_softmax(call: Call) -> Result:
    """``x - max - log(sum(exp(x - max)))``, as logsumexp: Log of Softmax would be infinite 100 below the largest."""
    x = call.blob("self")
    return plus(call, x, log_sum_exp(call, x, call["dim"], keepdim=True), 1.0, -1.0)
