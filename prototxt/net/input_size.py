"""A mark in a net that is right for inputs of one height and width only.

It is a stage of the net's own state, ``state { stage: "fixed_input_size: REASON" }``: stock Caffe reads it, keeps it in
binary files and does nothing else with it as long as no layer asks for such a stage.
"""

from __future__ import annotations

from collections.abc import Sequence

from prototxt.common.errors import NetError
from prototxt.formats.schema import NetParameter

MARK = "fixed_input_size"


def mark_fixed_input_size(net: NetParameter, reason: str) -> None:
    """Mark ``net``, in place, as right for the sizes of its inputs only; ``reason`` is a clause."""
    net.state.stage.append(f"{MARK}: {reason}")


def fixed_input_size(net: NetParameter) -> str | None:
    """Why the net holds for the sizes of its inputs only; None where it is not marked so."""
    marks = [stage for stage in net.state.stage if stage.partition(":")[0] == MARK]
    return marks[0].partition(":")[2].strip() if marks else None


def check_input_size(reason: str, blob: str, asked: Sequence[int], given: Sequence[int]) -> None:
    """Make sure that an input of a marked net has the size that the net is right for.

    Parameters
    ----------
    reason : of the mark.
    blob : name of the input.
    asked, given : shapes in the net and of the array; axes from the third on count.

    Raises
    ------
    NetError : if they differ.
    """
    if tuple(asked[2:]) != tuple(given[2:]):
        sizes = [" x ".join(map(str, shape[2:])) for shape in (asked, given)]
        raise NetError(
            f"input {blob!r} is {sizes[1]}, but this net is right for {sizes[0]} only: {reason}; give it that size, or "
            f"convert the model for {sizes[1]}"
        )
