"""Making layers and nets in a line each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from prototxt.formats.schema import LayerParameter, NetParameter


def layer(
    type: str, name: str, bottoms: str | Sequence[str] = (), tops: str | Sequence[str] | None = None, **fields: Any
) -> LayerParameter:
    """Make a layer.

    Parameters
    ----------
    type : Caffe's type string, such as ``"Convolution"``.
    name : the layer's name.
    bottoms, tops : blob names, one or many; ``tops=None`` is one top named like the layer.
    fields : any other field of LayerParameter; messages as dicts, repeated ones as lists of dicts, enums by name:
        ``layer("Pooling", "pool1", "conv1", pooling_param={"pool": "MAX", "kernel_size": 3, "stride": 2})``,
        ``param=[{"lr_mult": 1}, {"lr_mult": 2}]``.

    Raises
    ------
    ValueError, TypeError : for a field or a value that the schema does not have (a mistake in the calling code).
    """
    return LayerParameter(
        name=name, type=type, bottom=_names(bottoms), top=_names(name if tops is None else tops), **fields
    )


def input_layer(name: str, shape: Sequence[int]) -> LayerParameter:
    """Make an Input layer whose top has its own name; ``shape`` is that of the blob, batch first."""
    return layer("Input", name, input_param={"shape": [{"dim": list(shape)}]})


def net(name: str, layers: Iterable[LayerParameter], **fields: Any) -> NetParameter:
    """Make a net of ``layers`` in order; ``fields`` are further fields of NetParameter, such as ``state``."""
    return NetParameter(name=name, layer=layers, **fields)


def _names(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)
