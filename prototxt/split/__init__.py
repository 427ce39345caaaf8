"""Layers whose filters learn at different rates, as layers that stock Caffe can run; and back again.

In Caffe a learning rate belongs to a blob. A layer whose filters need several becomes one layer per rate; their tops
are brought back into the order of the filters, so that nothing downstream changes.
"""

from prototxt.split.blobs import from_rows, merge_weights, split_weights
from prototxt.split.joining import Joined, join_net, join_nets
from prototxt.split.layers import Part, SplitLayer
from prototxt.split.layouts import filter_rows
from prototxt.split.net import Split, split_net
from prototxt.split.param_specs import fill_param_specs
from prototxt.split.states import merge_state, split_state, without_frozen

__all__ = [
    "Joined",
    "Part",
    "Split",
    "SplitLayer",
    "fill_param_specs",
    "filter_rows",
    "from_rows",
    "join_net",
    "join_nets",
    "merge_state",
    "merge_weights",
    "split_net",
    "split_state",
    "split_weights",
    "without_frozen",
]
