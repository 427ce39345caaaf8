"""Solver states of split nets: momentum of every learnable blob, cut and put together like the blob itself."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from prototxt.common.errors import NetError
from prototxt.formats.schema import NetParameter
from prototxt.formats.solverstate import SolverState
from prototxt.formats.weights import Weights
from prototxt.net.phases import filter_net
from prototxt.split.blobs import merge_weights, split_weights
from prototxt.split.net import Split

History = list[np.ndarray]


def split_state(
    state: SolverState, net: NetParameter, weights: Weights, split: Split, *, learned_net: str = ""
) -> SolverState:
    """Turn the solver state of an unsplit net into that of its split net.

    Parameters
    ----------
    state : with a history of one blob per learnable blob of the training net, in Caffe's order (the net's), or of two
        (AdaDelta and Adam: all first moments, then all second ones).
    net, weights : the unsplit net and its weights, from the same snapshot as the state.
    split : what `prototxt.split.split_net` returned.
    learned_net : path of the split weights, for the new state.

    Returns
    -------
    A new state, its history in the order of the split net's blobs.

    Raises
    ------
    NetError : the state does not belong to these weights.
    """
    history = _convert(state.history, net, weights, split.net, lambda blobs: split_weights(blobs, split.layers))
    return replace(state, history=history, learned_net=learned_net)


def merge_state(
    state: SolverState, split: Split, weights: Weights, net: NetParameter, *, learned_net: str = ""
) -> SolverState:
    """Turn the solver state of a split net back into that of the unsplit net; undoes `split_state` bit for bit.

    Parameters
    ----------
    split, weights : the split net and its weights, from the same snapshot as the state.
    net : the unsplit net.
    learned_net : path of the merged weights, for the new state.
    """
    history = _convert(state.history, split.net, weights, net, lambda blobs: merge_weights(blobs, split.layers))
    return replace(state, history=history, learned_net=learned_net)


def without_frozen(state: SolverState, net: NetParameter, weights: Weights) -> SolverState:
    """Set the history of all blobs with a learning rate of 0 to zero.

    SGD and Nesterov keep a velocity that the rate is part of already: V <- mu V + rate * gradient; W <- W - V. A blob
    that is frozen in mid-training would glide on until its velocity has died away.

    Parameters
    ----------
    state : of the split net, from `split_state`.
    net, weights : the split net and its weights.
    """
    specs = {layer.name: layer.param for layer in filter_net(net, "TRAIN").layer}
    order = learnable_blobs(net, weights)
    history = [
        np.zeros_like(blob) if number < len(specs[name]) and specs[name][number].lr_mult == 0 else blob
        for (name, number), blob in zip(itertools.cycle(order), state.history, strict=False)
    ]
    return replace(state, history=history)


def _convert(
    history: Sequence[np.ndarray],
    source: NetParameter,
    weights: Weights,
    target: NetParameter,
    convert: Callable[[Weights], Weights],
) -> History:
    order = learnable_blobs(source, weights)
    if not order or len(history) % len(order):
        raise NetError(
            f"the solver state holds {len(history)} blobs, where a net with {len(order)} learnable blobs needs as many "
            "or twice as many; it belongs to another net"
        )
    target_order = learnable_blobs(target, convert(weights))
    result: History = []
    for start in range(0, len(history), len(order)):
        moments = {key: np.asarray(blob) for key, blob in zip(order, history[start : start + len(order)], strict=True)}
        # Blobs that a layer shares with an earlier one have no history: their place is held by the blob itself.
        filled = {
            name: [moments.get((name, number), blob) for number, blob in enumerate(blobs)]
            for name, blobs in weights.items()
        }
        _check_shapes(filled, weights)
        converted = convert(filled)
        result += [converted[name][number] for name, number in target_order]
    return result


def learnable_blobs(net: NetParameter, weights: Weights) -> list[tuple[str, int]]:
    """List the blobs that a solver keeps a history of, in its order, as (layer, number of the blob).

    These are all blobs of the training net in the net's order, also those with lr_mult 0; a shared blob counts once,
    where it is first met (net.cpp, AppendParam).

    Parameters
    ----------
    weights : say how many blobs each layer has.
    """
    found, shared = [], set()
    for layer in filter_net(net, "TRAIN").layer:
        for number in range(len(weights.get(layer.name, []))):
            name = layer.param[number].name if number < len(layer.param) else ""
            if name and name in shared:
                continue
            shared.add(name)
            found.append((layer.name, number))
    return found


def _check_shapes(history: Weights, weights: Weights) -> None:
    for name, blobs in weights.items():
        for number, (moment, blob) in enumerate(zip(history[name], blobs, strict=True)):
            if moment.shape != blob.shape:
                raise NetError(
                    f"layer {name!r}: the solver state has a blob of shape {moment.shape} where the weights have "
                    f"{blob.shape} (blob {number}); take both files from the same snapshot"
                )
