"""Splitting layers by learning rate: the same function of the input, the same bytes after merging, valid for Caffe."""

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prototxt.common.errors import NetError
from prototxt.formats.text import parse_net, to_text
from prototxt.lint import lint_net
from prototxt.split import filter_rows, merge_weights, split_net, split_weights
from prototxt.split.layers import parts_by_rate, runs
from torchcaffe.network import Network

LEVELS = (0.0, 0.25, 1.0)
CHANNELS = 4

# Type of the layer with filters, as a function of (number of filters, groups).
LAYERS = {
    "Convolution": "convolution_param {{ num_output: {units} kernel_size: 3 pad: 2 dilation: 2 group: {groups} }}",
    "Deconvolution": "convolution_param {{ num_output: {units} kernel_size: 2 stride: 2 group: {groups} }}",
    "InnerProduct": "inner_product_param {{ num_output: {units} }}",
    "InnerProduct transposed": "inner_product_param {{ num_output: {units} transpose: true }}",
    "InnerProduct axis 2": "inner_product_param {{ num_output: {units} axis: 2 bias_term: false }}",
    "InnerProduct axis -1": "inner_product_param {{ num_output: {units} axis: -1 transpose: true }}",
    "Convolution 1x1": "convolution_param {{ num_output: {units} kernel_size: 1 group: {groups} bias_term: false }}",
    "Convolution oblong": "convolution_param {{ num_output: {units} kernel_h: 1 kernel_w: 5 group: {groups} }}",
}
# What may follow the filters; the last layer that learns something per filter decides how far the split reaches.
TAILS = {
    "nothing": "",
    "relu": 'layer { name: "act" type: "ReLU" bottom: "f" top: "f" }',
    "prelu": 'layer { name: "act" type: "PReLU" bottom: "f" top: "f" }',
    "shared prelu": 'layer { name: "act" type: "PReLU" bottom: "f" top: "f" prelu_param { channel_shared: true } }',
    "bias": 'layer { name: "b" type: "Bias" bottom: "f" top: "f2" }',
    "bn": 'layer { name: "bn" type: "BatchNorm" bottom: "f" top: "f" }',
    "bn scale relu": 'layer { name: "bn" type: "BatchNorm" bottom: "f" top: "f" }'
    'layer { name: "sc" type: "Scale" bottom: "f" top: "f" scale_param { bias_term: true } }'
    'layer { name: "act" type: "ReLU" bottom: "f" top: "f" }',
    "bn scale elsewhere": 'layer { name: "bn" type: "BatchNorm" bottom: "f" top: "bn" }'
    'layer { name: "sc" type: "Scale" bottom: "bn" top: "sc" }',
}


def net_of(kind, units, groups=1, tail="nothing"):
    inputs = "shape { dim: 2 dim: 4 dim: 6 dim: 5 }"
    return parse_net(
        f'layer {{ name: "data" type: "Input" top: "data" input_param {{ {inputs} }} }}'
        f'layer {{ name: "f" type: "{kind.split()[0]}" bottom: "data" top: "f" '
        f"{LAYERS[kind].format(units=units, groups=groups)} }}{TAILS[tail]}"
        f'layer {{ name: "all" type: "Flatten" bottom: "{TAIL_TOP.get(tail, "f")}" top: "all" }}'
    )


TAIL_TOP = {"bias": "f2", "bn scale elsewhere": "sc"}


def random_weights(net, seed=0):
    rng = np.random.default_rng(seed)
    weights = Network(net, seed=1).weights()
    return {
        name: [rng.uniform(0.5, 2, blob.shape).astype(np.float32) for blob in blobs] for name, blobs in weights.items()
    }


@st.composite
def cases(draw):
    kind = draw(st.sampled_from(sorted(LAYERS)))
    groups = draw(st.sampled_from([1, 2, 4])) if "volution" in kind else 1
    units = groups * draw(st.integers(1, 4))
    rates = draw(st.lists(st.sampled_from(LEVELS), min_size=units, max_size=units))
    return kind, groups, rates, draw(st.sampled_from(sorted(TAILS)))


@given(case=cases(), seed=st.integers(0, 99))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_split_net_computes_the_same_and_merges_to_the_same_bytes(case, seed):
    kind, groups, rates, tail = case
    net = net_of(kind, len(rates), groups, tail)
    weights = random_weights(net, seed)
    split = split_net(net, {"f": rates}, {"f": CHANNELS})
    assert lint_net(split.net) == []
    assert to_text(parse_net(to_text(split.net))) == to_text(split.net)

    cut = split_weights(weights, split.layers)
    merged = merge_weights(cut, split.layers)
    assert list(merged) == list(weights)
    for name, blobs in weights.items():
        assert [blob.tobytes() for blob in merged[name]] == [blob.tobytes() for blob in blobs]
        assert [blob.shape for blob in merged[name]] == [blob.shape for blob in blobs]

    image = np.random.default_rng(seed).normal(size=(2, CHANNELS, 6, 5)).astype(np.float32)
    plain, parts = Network(net, weights=weights), Network(split.net, weights=cut)
    assert set(parts.params) == set(cut)
    (expected,) = plain.run({"data": image}).values()
    (found,) = parts.run({"data": image}).values()
    np.testing.assert_allclose(found.detach(), expected.detach(), rtol=1e-5, atol=1e-5)


@given(case=cases())
@settings(max_examples=60, deadline=None)
def test_every_filter_gets_its_rate(case):
    kind, groups, rates, tail = case
    split = split_net(net_of(kind, len(rates), groups, tail), {"f": rates}, {"f": CHANNELS})
    specs = {layer.name: [spec.lr_mult for spec in layer.param] for layer in split.net.layer}
    if len(set(rates)) == 1 and not split.layers:
        assert specs["f"] == [rates[0], 2 * rates[0]][: len(specs["f"])]
        return
    found = {f: part.lr_mult for part in split.layers[0].parts for f in part.filters}
    assert [found[f] for f in range(len(rates))] == rates
    for layer in split.layers:
        for part in layer.parts:
            factors = {"BatchNorm": [], "PReLU": [1], "Bias": [1], "Scale": [1] * len(layer.layouts)}
            expected = [part.lr_mult * factor for factor in factors.get(layer.type, [1, 2])]
            assert specs[part.name] == expected[: len(layer.layouts)]


@given(owner=st.lists(st.integers(0, 3), min_size=1, max_size=30))
def test_runs_are_the_fewest_that_give_the_order_back(owner):
    present = sorted(set(owner))
    parts = [[place for place, part in enumerate(owner) if part == number] for number in present]
    found = runs(parts)
    assert [present[run.part] for run in found for _ in range(run.size)] == owner
    assert len(found) == 1 + sum(a != b for a, b in itertools.pairwise(owner))


def test_a_depthwise_layer_becomes_one_grouped_layer_per_rate():
    parts = parts_by_rate("dw", [0, 1, 0, 1, 0.5, 0], groups=6)
    assert [(part.lr_mult, part.filters) for part in parts] == [(0, (0, 2, 5)), (0.5, (4,)), (1, (1, 3))]
    assert [part.name for part in parts] == ["dw__g0_lr0", "dw__g1_lr0.5", "dw__g2_lr1"]


def test_the_last_top_keeps_the_blob_name_and_the_concat_the_layer_name():
    split = split_net(net_of("Convolution", 4, tail="bn scale elsewhere"), {"f": [0, 1, 1, 0]})
    concat = split.net.layer[-2]
    assert (concat.type, concat.name, list(concat.top)) == ("Concat", "f", ["sc"])
    assert [part.name for part in split.layers[2].parts] == ["sc__g0_lr0", "sc__g1_lr1"]
    slices = [layer for layer in split.net.layer if layer.type == "Slice"]
    assert [list(layer.slice_param.slice_point) for layer in slices] == [[1]]  # 0 | 1 1 | 0: three runs, one cut


def test_a_chain_that_learns_nothing_per_filter_stays_whole():
    split = split_net(net_of("Convolution", 4, tail="bn"), {"f": [0, 1, 1, 0]})
    assert [layer.layer for layer in split.layers] == ["f"]
    assert any(layer.name == "bn" for layer in split.net.layer)


def test_a_blob_with_two_readers_ends_the_chain():
    net = net_of("Convolution", 4, tail="bn scale elsewhere")
    net.layer.add(name="other", type="ReLU", bottom=["f"], top=["other"])
    split = split_net(net, {"f": [0, 1, 1, 0]})
    assert [layer.layer for layer in split.layers] == ["f"]


def test_layers_of_two_phases_are_split_in_both():
    net = parse_net("""
      layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 5 dim: 5 } } }
      layer { name: "c" type: "Convolution" bottom: "data" top: "c" convolution_param { num_output: 4 kernel_size: 3 } }
      layer { name: "bn" type: "BatchNorm" bottom: "c" top: "bn" include { phase: TRAIN } }
      layer { name: "bn" type: "BatchNorm" bottom: "c" top: "bn" include { phase: TEST } }
      layer { name: "sc" type: "Scale" bottom: "bn" top: "bn" }
      layer { name: "acc" type: "Silence" bottom: "bn" include { phase: TEST } }
    """)
    split = split_net(net, {"c": [0, 1, 0, 1]})
    assert [layer.layer for layer in split.layers] == ["c", "bn", "sc"]
    phases = [layer.include[0].phase for layer in split.net.layer if layer.name == "bn__g0_lr0"]
    assert phases == [0, 1]
    for phase in ("TRAIN", "TEST"):
        Network(split.net, phase)


def test_the_nets_own_rates_are_scaled_and_missing_ones_follow_caffes_convention():
    net = net_of("Convolution", 2)
    net.layer[1].param.add(lr_mult=4, decay_mult=0.5)
    split = split_net(net, {"f": [0.5, 1]}, bias_lr=3, bias_decay=1)
    specs = [[(spec.lr_mult, spec.decay_mult) for spec in layer.param] for layer in split.net.layer[1:3]]
    assert specs == [[(2, 0.5), (1.5, 1)], [(4, 0.5), (3, 1)]]
    assert len(net.layer[1].param) == 1  # the argument is left as it is


def test_filter_rows_gives_one_row_per_filter():
    net = net_of("Deconvolution", 4, groups=2)
    weights = random_weights(net)["f"]
    rows = filter_rows(net.layer[1], weights)[0]
    assert rows.shape == (4, 2, 2, 2)
    np.testing.assert_array_equal(rows[3], weights[0][2:, 1])


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ({"g": [1]}, "no layer 'g'.* those with filters are: f"),
        ({"all": [1]}, "'all' is a Flatten"),
        ({"f": [1, 0]}, "has 4 filters, but 2 multipliers"),
        ({"f": [1, 0, -1, 1]}, "at least 0"),
        ({"f": [1, 0, float("nan"), 1]}, "at least 0"),
    ],
)
def test_wrong_rates_are_refused(rates, message):
    with pytest.raises(NetError, match=message):
        split_net(net_of("Convolution", 4), rates)


def test_shared_parameters_with_unequal_rates_are_refused():
    net = parse_net("""
      layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 } } }
      layer { name: "a" type: "InnerProduct" bottom: "data" top: "a" param { name: "w" }
              inner_product_param { num_output: 2 bias_term: false } }
      layer { name: "b" type: "InnerProduct" bottom: "data" top: "b" param { name: "w" }
              inner_product_param { num_output: 2 bias_term: false } }
    """)
    for rates in ({"a": [0, 1]}, {"a": [0, 0]}, {"a": [0, 0], "b": [1, 1]}):
        with pytest.raises(NetError, match="'a', 'b' share the parameter 'w'"):
            split_net(net, rates)
    assert split_net(net, {"a": [0.5, 0.5], "b": [0.5, 0.5]}).layers == ()


SIAMESE = """
  layer { name: "data" type: "Input" top: "x" top: "y"
          input_param { shape { dim: 2 dim: 4 dim: 5 dim: 5 } shape { dim: 2 dim: 4 dim: 5 dim: 5 } } }
  layer { name: "a" type: "Convolution" bottom: "x" top: "a" param { name: "w" lr_mult: 0.5 } param { name: "b" }
          convolution_param { num_output: 4 kernel_size: 3 group: 2 } }
  layer { name: "pa" type: "PReLU" bottom: "a" top: "a" param { name: "p" } }
  layer { name: "b" type: "Convolution" bottom: "y" top: "b" param { name: "w" } param { name: "b" lr_mult: 3 }
          convolution_param { num_output: 4 kernel_size: 3 group: 2 } }
  layer { name: "pb" type: "PReLU" bottom: "b" top: "b" param { name: "p" } }
  layer { name: "out" type: "Eltwise" bottom: "a" bottom: "b" top: "out" }
"""


def test_layers_that_share_parameters_share_those_of_their_parts():
    """As in siamese nets: the same multipliers, filter by filter; what one layer says of a parameter holds for all."""
    net, rates = parse_net(SIAMESE), [0, 1, 1, 0.5]
    split = split_net(net, {"a": rates, "b": rates}, {"a": 4, "b": 4})
    assert lint_net(split.net) == []
    specs = {layer.name: [(spec.name, spec.lr_mult) for spec in layer.param] for layer in split.net.layer}
    assert specs["a__g0_lr0"] == specs["b__g0_lr0"] == [("w__g0_lr0", 0), ("b__g0_lr0", 0)]
    assert specs["a__g2_lr1"] == specs["b__g2_lr1"] == [("w__g2_lr1", 0.5), ("b__g2_lr1", 3)]
    assert specs["pa__g1_lr0.5"] == specs["pb__g1_lr0.5"] == [("p__g1_lr0.5", 0.5)]

    weights = random_weights(net)
    weights["b"], weights["pb"] = weights["a"], weights["pa"]
    cut = split_weights(weights, split.layers)
    parts = Network(split.net, weights=cut)
    assert len(parts.learnable) == 3 * 3  # weights, biases, slopes of three parts
    x, y = np.random.default_rng(0).normal(size=(2, 2, 4, 5, 5)).astype(np.float32)
    (expected,), (found,) = (each.run({"x": x, "y": y}).values() for each in (Network(net, weights=weights), parts))
    np.testing.assert_allclose(found.detach(), expected.detach(), rtol=1e-5, atol=1e-5)
    merged = merge_weights(parts.weights(), split.layers)
    assert [b.tobytes() for name in weights for b in merged[name]] == [
        b.tobytes() for bs in weights.values() for b in bs
    ]


def test_a_name_that_no_other_layer_uses_shares_nothing():
    net = net_of("Convolution", 4)
    net.layer[1].param.add(name="mine")
    split = split_net(net, {"f": [0, 1, 1, 0]})
    assert [layer.param[0].name for layer in split.net.layer if layer.param] == ["mine__g0_lr0", "mine__g1_lr1"]
    Network(split.net, weights=split_weights(random_weights(net), split.layers))


def test_companions_that_share_a_slope_need_the_rates_of_both_layers():
    net = parse_net(SIAMESE)
    for layer in net.layer:
        if layer.type == "Convolution":
            del layer.param[:]
    with pytest.raises(NetError, match="'pa', 'pb' share the parameter 'p'"):
        split_net(net, {"a": [0, 1, 1, 0.5], "b": [1, 0, 1, 0.5]}, {"a": 4, "b": 4})


def test_an_unknown_type_between_filters_and_the_rest_is_refused():
    net = net_of("Convolution", 4, tail="bn scale relu")
    net.layer[2].type = "WarpNorm"  # what was the BatchNorm, before a Scale that belongs to the filters
    with pytest.raises(NetError, match=r"'bn' \(WarpNorm\) stands between the filters of layer 'f'"):
        split_net(net, {"f": [0, 1, 1, 0]})
    with pytest.raises(NetError, match="WarpNorm"):
        split_net(net, {"f": [0, 0, 0, 0]})
    assert split_net(net, {"f": [1, 1, 1, 1]}).layers == ()
    end = net_of("Convolution", 4, tail="nothing")
    end.layer[2].type = "WarpLoss"  # nothing follows: the filters are in their order again before it
    assert [layer.layer for layer in split_net(end, {"f": [0, 1, 1, 0]}).layers] == ["f"]


def test_a_convolution_with_two_bottoms_is_split_no_further_than_one_rate():
    """Caffe lets a Convolution run on several bottoms; one layer per rate would need a Concat for each."""
    net = parse_net("""
      layer { name: "data" type: "Input" top: "x" top: "y"
              input_param { shape { dim: 2 dim: 4 dim: 5 dim: 5 } shape { dim: 2 dim: 4 dim: 5 dim: 5 } } }
      layer { name: "f" type: "Convolution" bottom: "x" bottom: "y" top: "a" top: "b"
              convolution_param { num_output: 4 kernel_size: 3 } }
    """)
    with pytest.raises(NetError, match=r"'f' \(Convolution\) has 2 bottoms"):
        split_net(net, {"f": [0, 1, 1, 0]})
    assert [spec.lr_mult for spec in split_net(net, {"f": [0.5] * 4}).net.layer[1].param] == [0.5, 1]


def test_filters_over_time_and_space_are_split():
    net = parse_net("""
      layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 4 dim: 5 dim: 6 dim: 7 } } }
      layer { name: "f" type: "Convolution" bottom: "data" top: "f"
              convolution_param { num_output: 6 group: 2 kernel_size: 2 kernel_size: 3 kernel_size: 1 } }
    """)
    weights = random_weights(net)
    split = split_net(net, {"f": [0, 1, 1, 0.5, 0, 0]}, {"f": 4})
    clip = np.random.default_rng(0).normal(size=(2, 4, 5, 6, 7)).astype(np.float32)
    cut = split_weights(weights, split.layers)
    (expected,), (found,) = (
        Network(each, weights=of).run({"data": clip}).values() for each, of in ((net, weights), (split.net, cut))
    )
    np.testing.assert_allclose(found.detach(), expected.detach(), rtol=1e-5, atol=1e-5)


def test_groups_need_the_channels_of_the_bottom():
    with pytest.raises(NetError, match="give in_channels"):
        split_net(net_of("Convolution", 4, groups=2), {"f": [0, 0, 0, 1]})


def test_weights_of_another_net_are_refused():
    net = net_of("Convolution", 4)
    weights = random_weights(net)
    split = split_net(net, {"f": [0, 1, 1, 0]})
    with pytest.raises(NetError, match="no blobs of layer 'f'"):
        split_weights({"g": weights["f"]}, split.layers)
    with pytest.raises(NetError, match="holds 3 filters, where the split has 4"):
        split_weights({"f": [weights["f"][0][:3], weights["f"][1]]}, split.layers)
    with pytest.raises(NetError, match="has 1 blobs"):
        split_weights({"f": weights["f"][:1]}, split.layers)
    with pytest.raises(NetError, match="no blobs of layer 'f__g0_lr0'"):
        merge_weights(weights, split.layers)
    cut = split_weights(weights, split.layers)
    cut["f__g1_lr1"] = cut["f__g1_lr1"][:1]
    with pytest.raises(NetError, match="has 1 blobs"):
        merge_weights(cut, split.layers)


def test_layers_without_blobs_in_a_snapshot_are_passed_over():
    net = net_of("Convolution", 4)
    weights = random_weights(net)
    split = split_net(net, {"f": [0, 1, 1, 0]})
    snapshot = {**split_weights(weights, split.layers), "f": [], "f__g0_lr0__runs": []}
    assert list(merge_weights(snapshot, split.layers)) == ["f"]
