"""The blobs of a layer, cut into those of its parts and put together again, bit for bit."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from prototxt.common.errors import NetError
from prototxt.formats.weights import Weights
from prototxt.split.layers import Layout, Part, SplitLayer


def split_weights(weights: Weights, split: Iterable[SplitLayer]) -> Weights:
    """Cut the blobs of every split layer into those of its parts.

    Parameters
    ----------
    weights : of the unsplit net. Layers without blobs are left out.
    split : what `prototxt.split.split_net` returned as ``layers``.

    Returns
    -------
    Weights of the split net; the parts stand where the unsplit layer stood.

    Raises
    ------
    NetError : a split layer is missing, or its blobs do not have the split's number of filters.
    """
    by_name = {layer.layer: layer for layer in split}
    _require(weights, by_name, "these are not the weights of the net that was split")
    result: Weights = {}
    for name, blobs in weights.items():
        if name not in by_name:
            result.update({name: blobs} if blobs else {})
            continue
        _check_sizes(by_name[name], blobs)
        for part in by_name[name].parts:
            result[part.name] = split_blobs(by_name[name], part, blobs)
    return result


def merge_weights(weights: Weights, split: Iterable[SplitLayer]) -> Weights:
    """Put the blobs of all parts back into those of the unsplit layers; undoes `split_weights` bit for bit.

    Parameters
    ----------
    weights : of the split net, such as a snapshot of its training. Layers without blobs are left out.

    Raises
    ------
    NetError : a part is missing, or its blobs do not have the shape that the split says.
    """
    layers = tuple(split)
    owner = {part.name: layer for layer in layers for part in layer.parts}
    _require(weights, owner, "these are not the weights of the split net")
    result: Weights = {}
    for name, blobs in weights.items():
        layer = owner.get(name)
        if layer is None:
            result.update({name: blobs} if blobs else {})
        elif layer.layer not in result:
            result[layer.layer] = merge_blobs(layer, [weights[part.name] for part in layer.parts])
    return result


def split_blobs(layer: SplitLayer, part: Part, blobs: list[np.ndarray]) -> list[np.ndarray]:
    """Cut out the blobs of one part.

    Parameters
    ----------
    layer, part : the split layer, and the one of its parts.
    blobs : of the unsplit layer, in Caffe's order and shapes.

    Returns
    -------
    As many blobs with the rows of ``part.filters`` only; copies. A blob without a row per filter comes whole.
    """
    rows, groups = list(part.filters), layer.part_groups(part)
    cut = []
    for blob, layout in zip(blobs, layer.layouts, strict=True):
        whole = layout == "whole"
        cut.append(blob.copy() if whole else from_rows(to_rows(blob, layout, layer.groups)[rows], layout, groups))
    return cut


def merge_blobs(layer: SplitLayer, parts: list[list[np.ndarray]]) -> list[np.ndarray]:
    """Put the blobs of all parts of a layer together; undoes `split_blobs` bit for bit.

    Parameters
    ----------
    layer : the split layer.
    parts : the blobs of each part, in the order of ``layer.parts``.

    Returns
    -------
    The blobs of the unsplit layer, in its shapes. One without a row per filter is the first part's.

    Raises
    ------
    NetError : a part lacks a blob, or holds another number or shape of filters than the split says.
    """
    merged = []
    for number, layout in enumerate(layer.layouts):
        pieces = [_blob(layer, part, blobs, number) for part, blobs in zip(layer.parts, parts, strict=True)]
        if layout == "whole":
            merged.append(pieces[0].copy())
            continue
        pieces = [
            to_rows(piece, layout, layer.part_groups(part)) for piece, part in zip(pieces, layer.parts, strict=True)
        ]
        rows = np.empty((layer.units, *pieces[0].shape[1:]), pieces[0].dtype)
        for piece, part in zip(pieces, layer.parts, strict=True):
            if piece.shape != (len(part.filters), *rows.shape[1:]):
                raise NetError(
                    f"layer {part.name!r}: blob {number} holds filters of shape {piece.shape}, where the split says "
                    f"{(len(part.filters), *rows.shape[1:])}; these weights belong to another split"
                )
            rows[list(part.filters)] = piece
        merged.append(from_rows(rows, layout, layer.groups))
    return merged


def to_rows(blob: np.ndarray, layout: Layout, groups: int) -> np.ndarray:
    """View a blob with one row per filter.

    Parameters
    ----------
    blob : (filters, ...) for ``rows``; (inputs, filters) for ``transposed``; (inputs, filters / groups, kernel...) for
        ``deconvolution``.
    groups : of a deconvolution.

    Returns
    -------
    (filters, ...); of a deconvolution (filters, inputs / groups, kernel...).
    """
    if layout == "transposed":
        return blob.T
    if layout == "deconvolution":
        inputs, outputs, *kernel = blob.shape
        grouped = blob.reshape(groups, inputs // groups, outputs, *kernel).swapaxes(1, 2)
        return grouped.reshape(groups * outputs, inputs // groups, *kernel)
    return blob


def from_rows(rows: np.ndarray, layout: Layout, groups: int) -> np.ndarray:
    """Undo `to_rows`: (filters, ...) in the shape that the layout says, C-contiguous."""
    if layout == "transposed":
        rows = rows.T
    elif layout == "deconvolution":
        units, inputs, *kernel = rows.shape
        grouped = rows.reshape(groups, units // groups, inputs, *kernel).swapaxes(1, 2)
        rows = grouped.reshape(groups * inputs, units // groups, *kernel)
    return np.ascontiguousarray(rows)


def _blob(layer: SplitLayer, part: Part, blobs: list[np.ndarray], number: int) -> np.ndarray:
    if len(blobs) != len(layer.layouts):
        raise NetError(
            f"layer {part.name!r}: has {len(blobs)} blobs, where a part of {layer.layer!r} ({layer.type}) has "
            f"{len(layer.layouts)}; these weights belong to another net"
        )
    return blobs[number]


def _check_sizes(layer: SplitLayer, blobs: list[np.ndarray]) -> None:
    if len(blobs) != len(layer.layouts):
        raise NetError(
            f"layer {layer.layer!r} ({layer.type}): has {len(blobs)} blobs, where the split expects "
            f"{len(layer.layouts)}; these are not the weights of the net that was split"
        )
    for blob, layout in zip(blobs, layer.layouts, strict=True):
        units = layer.units if layout == "whole" else _filter_count(blob, layout, layer.groups)
        if units != layer.units:
            raise NetError(
                f"layer {layer.layer!r} ({layer.type}): a blob of shape {blob.shape} holds {units} filters, where "
                f"the split has {layer.units}; these are not the weights of the net that was split"
            )


def _filter_count(blob: np.ndarray, layout: Layout, groups: int) -> int:
    if layout == "rows":
        return blob.shape[0]
    return blob.shape[1] * (groups if layout == "deconvolution" else 1)


def _require(weights: Weights, names: Iterable[str], advice: str) -> None:
    missing = [name for name in names if not weights.get(name)]
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise NetError(f"the weights hold no blobs of layer {missing[0]!r}{more}; {advice}")
