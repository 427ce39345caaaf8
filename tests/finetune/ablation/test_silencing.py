"""Silenced filters against a plain run of the graph in which their maps are set to 0 by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finetune.ablation.silencing import SilencedNet
from finetune.tasks.pixels import blobs
from prototxt.net.graph import Value

SIZES = {"conv1": 6, "left": 4, "right": 4}


def by_hand(model, images: np.ndarray, silent: dict[str, np.ndarray]) -> np.ndarray:
    """Run layer by layer and zero the maps of silent units where they are read."""
    network = model.network()
    read_at = {model.unit_layers[name].value: mask for name, mask in silent.items()}
    values: dict[Value, torch.Tensor] = {model.input: torch.from_numpy(images)}
    with torch.no_grad():
        for node in network.graph.layers:
            if model.input in node.tops:
                continue
            tops = network.call_layer(node, [values[bottom] for bottom in node.bottoms])
            for value, top in zip(node.tops, tops, strict=True):
                values[value] = top.clone()
                if value in read_at:
                    values[value][:, torch.from_numpy(read_at[value])] = 0
    return values[model.output].numpy()


masks = st.fixed_dictionaries(
    {}, optional={name: st.lists(st.booleans(), min_size=n, max_size=n).map(np.array) for name, n in SIZES.items()}
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(silent=masks, kept=st.sampled_from([0, 1 << 30]), batch=st.sampled_from([7, 40]))
def test_scores_are_those_of_maps_set_to_zero_by_hand(model, part, silent, kept: int, batch: int) -> None:
    images = blobs(part.images, model.preprocessing)
    net = SilencedNet(model, images, batch=batch, most_kept=kept)
    assert np.allclose(net.scores(silent), by_hand(model, images, silent), atol=1e-6)


def test_what_lies_below_a_layer_that_is_silenced_alone_runs_once(model, part) -> None:
    net = SilencedNet(model, blobs(part.images, model.preprocessing))
    ran: list[str] = []
    for layer in net._network.layers:
        layer.register_forward_hook(lambda layer, *_: ran.append(layer.name))
    for unit in range(3):
        net.scores({"left": np.arange(4) == unit})
    assert ran.count("conv1") == 1
    assert ran.count("pool") == 3


def test_a_layer_without_units_is_refused(model, part) -> None:
    net = SilencedNet(model, blobs(part.images, model.preprocessing))
    with pytest.raises(KeyError, match="pool"):
        net.scores({"pool": np.array([True])})
