"""Before filters are freed: the old task learns to do without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from entropy.errors import SurgeryError
from entropy.surgery.channels import is_silent_at_zero
from entropy.surgery.extended import OldNet, Rates, open_old
from entropy.surgery.freed_channels import FreedChannels, Mask, filter_masks
from entropy.surgery.freeing import cut_from_others, free_rates
from prototxt.formats.schema import NetParameter
from prototxt.formats.weights import Weights
from prototxt.split.layouts import filter_rows


@dataclass(frozen=True, eq=False)
class Repair:
    """An old net that is to be trained on its own task once more, without the filters that will be freed.

    Parameters
    ----------
    net : the old net as it is.
    weights : with what reads the filters cut to zero, and the filters silent: weights, biases and what follows them are
        such that they give 0. So the gradient of the cut weights is exactly 0 too, and they stay zero in any solver.
    rates : 1 for everything but the silent filters (and BatchNorm's statistics), as `Extended.rates`.
    """

    net: NetParameter
    weights: Weights
    rates: Mapping[str, Rates]
    _before: Weights
    _masks: Mapping[str, Mask]

    def finish(self, trained: Weights) -> Weights:
        """Give the freed filters back the weights that they had, in a net that was trained.

        Parameters
        ----------
        trained : of the net after training, for `entropy.surgery.freeing.free_filters`.

        Raises
        ------
        SurgeryError : a silent filter has moved, so the training did not obey `rates`.
        """
        result = dict(trained)
        layers = {layer.name: layer for layer in self.net.layer}
        for name, mask in self._masks.items():
            blobs = [blob.copy() for blob in trained[name]]
            each = (filter_rows(layers[name], found) for found in (blobs, self.weights[name], self._before[name]))
            for rows, silent, before in zip(*each, strict=True):
                if len(rows) != len(mask):
                    continue
                if rows[mask].tobytes() != silent[mask].tobytes():
                    raise SurgeryError(
                        f"layer {name!r}: filters that were to stay silent have moved in the repair; train it with the "
                        "rates that it gives"
                    )
                rows[mask] = before[mask]
            result[name] = blobs
        return result


def prepare_repair(net: NetParameter, weights: Weights, filters: Mapping[str, Sequence[int]]) -> Repair:
    """Silence the filters that are to be freed, so that the old task can be trained without them.

    Parameters
    ----------
    net, weights, filters : as for `entropy.surgery.freeing.free_filters`.

    Raises
    ------
    SurgeryError : as there; or a layer behind the filters gives something else than 0 for 0, such as Sigmoid.
    """
    old = open_old(net, weights)
    masks = filter_masks(old, filters)
    channels = FreedChannels(old, masks)
    silent = cut_from_others(old, channels)[0]
    changed = {name: mask for name, mask in (masks | channels.followers).items() if name in silent}
    for name, mask in (masks | channels.followers).items():
        _silence(old, silent, name, mask)
    rates: dict[str, Rates] = {name: float(old.graph.node(name).type != "BatchNorm") for name in old.shapes.params}
    free = free_rates(old, masks)
    rates |= {name: 1 - np.asarray(rate) for name, rate in free.items()}
    # Layers behind the filters that cannot have a rate for each channel stay whole, lest silent channels move.
    rates |= {name: 0.0 for name in channels.followers if name in old.weights and name not in free}
    return Repair(old.net, silent, rates, old.weights, changed)


def _silence(old: OldNet, weights: Weights, name: str, mask: Mask) -> None:
    """Let channels of a layer give 0 where they get 0, and filters give 0 in any case."""
    node = old.graph.node(name)
    if name not in weights:
        if not is_silent_at_zero(node.layer):
            raise SurgeryError(
                f"{node}: gives something else than 0 where a silent filter gives 0, so the weights that read it would "
                "not stay cut; free filters of layers behind it"
            )
        return
    blobs = [blob.copy() for blob in weights[name]]
    # Of BatchNorm the mean, of Scale the offset, of Bias all; a PReLU's slope does nothing to 0.
    additive = {"BatchNorm": slice(0, 1), "Bias": slice(None), "Scale": slice(1, None), "PReLU": slice(0, 0)}
    for rows in filter_rows(node.layer, blobs)[additive.get(node.type, slice(None))]:
        rows[mask] = 0
    weights[name] = blobs
