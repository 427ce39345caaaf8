"""The same values in another shape: only the axes that change are written down, so that the others stay free."""

from __future__ import annotations

from collections.abc import Sequence

from converters.call import Call
from converters.layer_spec import Blob


def reshape(call: Call, blob: Blob, shape: Sequence[int], free: int | None = None, part: str = "reshaped") -> Blob:
    """Append a Reshape to ``shape``, of as many values; nothing where the blob has it already.

    Leading and trailing axes that stay are copied, whatever their extents; several axes that become one are -1.

    Parameters
    ----------
    free : of several new axes the one that is -1, and so takes what other sizes of the map make of it.
    """
    have, want = blob.shape, tuple(shape)
    if have == want:
        return blob
    first, last = _kept(have, want)
    middle = [int(extent) for extent in want[first : len(want) - last]]
    if free is not None and 0 <= free - first < len(middle):
        middle[free - first] = -1
    elif len(middle) == 1 or first == 0:
        middle[0] = -1
    if last == 0:
        return call.step("Reshape", blob, part, want, reshape_param={"shape": {"dim": [0] * first + middle}})
    span = {"axis": first, "num_axes": len(have) - first - last}
    return call.step("Reshape", blob, part, want, reshape_param={"shape": {"dim": middle or [0]}, **span})


def _kept(have: tuple[int, ...], want: tuple[int, ...]) -> tuple[int, int]:
    """How many leading and trailing axes are the same; at least one axis of ``want`` lies between them."""
    shorter = min(len(have), len(want))
    first = next((axis for axis in range(shorter) if have[axis] != want[axis]), shorter)
    room = min(len(have) - first, len(want) - first)
    last = next((axis for axis in range(room) if have[-1 - axis] != want[-1 - axis]), room)
    if first + last == len(want):  # axes of one value vanish: the axis before them, or else behind them, goes along
        first, last = (first - 1, last) if first > 1 or not last else (first, last - 1)
    return first, last
