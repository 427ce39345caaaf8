"""Solver states of split nets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prototxt.common.errors import NetError
from prototxt.formats.solverstate import SolverState
from prototxt.formats.text import parse_net
from prototxt.split import merge_state, split_net, split_state, split_weights
from prototxt.split.states import learnable_blobs
from torchcaffe.network import Network

NET = parse_net("""
  layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 4 dim: 5 dim: 5 } } }
  layer { name: "c" type: "Convolution" bottom: "data" top: "c"
          convolution_param { num_output: 4 kernel_size: 3 group: 2 } }
  layer { name: "bn" type: "BatchNorm" bottom: "c" top: "c" }
  layer { name: "sc" type: "Scale" bottom: "c" top: "c" scale_param { bias_term: true } }
  layer { name: "a" type: "InnerProduct" bottom: "c" top: "a" param { name: "w" }
          inner_product_param { num_output: 3 } }
  layer { name: "b" type: "InnerProduct" bottom: "c" top: "b" param { name: "w" }
          inner_product_param { num_output: 3 } }
""")


@given(
    rates=st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=4, max_size=4),
    moments=st.sampled_from([1, 2]),
    seed=st.integers(0, 9),
)
@settings(max_examples=30, deadline=None)
def test_momentum_follows_its_blob_and_comes_back_bit_for_bit(rates, moments, seed):
    network = Network(NET, "TRAIN", seed=1)
    weights = network.weights()
    order = learnable_blobs(NET, weights)
    assert order[-1] == ("b", 1)
    rng = np.random.default_rng(seed)
    history = [rng.normal(size=weights[n][i].shape).astype(np.float32) for _ in range(moments) for n, i in order]
    split = split_net(NET, {"c": rates}, {"c": 4})
    state = SolverState(7, "x.caffemodel", 2, history)
    cut = split_state(state, NET, weights, split, learned_net="y")
    assert (cut.iter, cut.current_step, cut.learned_net) == (7, 2, "y")

    parts = Network(split.net, "TRAIN", weights=split_weights(weights, split.layers))
    shapes = [tuple(entry.parameter.shape) for entry in parts.learnable]
    assert [blob.shape for blob in cut.history] == shapes * moments  # Caffe's own order of the split net

    back = merge_state(cut, split, split_weights(weights, split.layers), NET)
    assert [blob.tobytes() for blob in back.history] == [blob.tobytes() for blob in history]


def test_a_state_of_another_net_is_refused():
    weights = Network(NET, "TRAIN", seed=1).weights()
    split = split_net(NET, {"c": [0, 1, 1, 1]}, {"c": 4})
    with pytest.raises(NetError, match="holds 3 blobs, where a net with"):
        split_state(SolverState(1, history=[np.zeros(2)] * 3), NET, weights, split)
    wrong = [np.zeros((1, 1), np.float32)] * len(learnable_blobs(NET, weights))
    with pytest.raises(NetError, match="take both files from the same snapshot"):
        split_state(SolverState(1, history=wrong), NET, weights, split)
