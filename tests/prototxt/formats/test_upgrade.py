import pytest

from prototxt.common.errors import FormatError
from prototxt.formats.schema import NetParameter, SolverParameter, V0LayerParameter, V1LayerParameter
from prototxt.formats.text import parse_message, parse_net, read_net
from prototxt.formats.upgrade import SOLVER_TYPES, TYPES, upgrade_net, upgrade_solver
from prototxt.formats.upgrade_v0 import MOVES, V1_TYPES

V0 = """
name: "v0" force_backward: true
input: "data" input_dim: 1 input_dim: 3 input_dim: 20 input_dim: 20
layers { layer { name: "images" type: "images" source: "list.txt" batchsize: 2 meanfile: "mean.binaryproto"
                 cropsize: 15 mirror: true scale: 0.5 rand_skip: 4 shuffle_images: true new_height: 16 new_width: 17 }
         top: "i" top: "label" }
layers { layer { name: "db" type: "data" source: "db" batchsize: 3 rand_skip: 1 } top: "d" top: "l" }
layers { layer { name: "win" type: "window_data" source: "w" batchsize: 3 det_fg_threshold: 0.6 det_bg_threshold: 0.4
                 det_fg_fraction: 0.3 det_context_pad: 16 det_crop_mode: "square" cropsize: 9 } top: "w" top: "wl" }
layers { layer { name: "h5" type: "hdf5_data" source: "h" batchsize: 5 } top: "h" top: "hl" }
layers { layer { name: "pad1" type: "padding" pad: 2 } bottom: "data" top: "pad1" }
layers { layer { name: "conv1" type: "conv" num_output: 4 kernelsize: 5 stride: 2 group: 1 biasterm: false
                 weight_filler { type: "gaussian" std: 0.01 } bias_filler { type: "constant" value: 1 }
                 blobs_lr: 1 blobs_lr: 2 weight_decay: 1 weight_decay: 0 }
         bottom: "pad1" top: "conv1" }
layers { layer { name: "relu1" type: "relu" } bottom: "conv1" top: "conv1" }
layers { layer { name: "pad2" type: "padding" pad: 1 } bottom: "conv1" top: "pad2" }
layers { layer { name: "pool1" type: "pool" pool: AVE kernelsize: 3 stride: 2 } bottom: "pad2" top: "pool1" }
layers { layer { name: "norm1" type: "lrn" local_size: 3 alpha: 0.1 beta: 0.5 k: 2 } bottom: "pool1" top: "norm1" }
layers { layer { name: "drop" type: "dropout" dropout_ratio: 0.3 } bottom: "norm1" top: "drop" }
layers { layer { name: "ip" type: "innerproduct" num_output: 7 biasterm: true } bottom: "drop" top: "ip" }
layers { layer { name: "cat" type: "concat" concat_dim: 0 } bottom: "ip" bottom: "ip" top: "cat" }
layers { layer { name: "info" type: "infogain_loss" source: "m" } bottom: "cat" bottom: "label" }
layers { layer { name: "out" type: "hdf5_output" hdf5_output_param { file_name: "o" } } bottom: "ip" bottom: "label" }
"""

V1 = """
name: "v1" input: "data" input_shape { dim: 2 dim: 3 }
layers { name: "d" type: DATA top: "x" top: "y" include { phase: TRAIN }
         data_param { source: "db" batch_size: 4 scale: 0.1 mean_file: "m" crop_size: 5 mirror: true backend: LMDB } }
layers { name: "w" type: WINDOW_DATA top: "u" top: "v" window_data_param { crop_size: 5 scale: 2 } }
layers { name: "a" type: INNER_PRODUCT bottom: "data" top: "a" param: "w" param: "" blob_share_mode: PERMISSIVE
         blobs_lr: 1 blobs_lr: 2 weight_decay: 1 inner_product_param { num_output: 3 } }
layers { name: "l" type: SOFTMAX_LOSS bottom: "a" bottom: "y" top: "l" loss_weight: 2
         loss_param { ignore_label: 3 } exclude { stage: "s" } }
"""


def parse(text):
    return parse_message(text, NetParameter)


def test_v0_net():
    net = upgrade_net(parse(V0))
    layers = {layer.name: layer for layer in net.layer}
    assert list(layers) == (
        ["input", "images", "db", "win", "h5", "conv1", "relu1", "pool1", "norm1", "drop", "ip", "cat", "info", "out"]
    )  # no padding layers
    assert layers["conv1"].bottom == ["data"]
    assert layers["conv1"].convolution_param.pad == [2]
    assert layers["conv1"].convolution_param.kernel_size == [5]
    assert layers["conv1"].convolution_param.bias_term is False
    assert [(spec.lr_mult, spec.decay_mult) for spec in layers["conv1"].param] == [(1, 1), (2, 0)]
    assert (layers["pool1"].bottom, layers["pool1"].pooling_param.pad) == (["conv1"], 1)
    assert layers["images"].transform_param.mean_file == "mean.binaryproto"
    assert (net.name, net.force_backward, list(net.input)) == ("v0", True, [])
    assert layers["input"].input_param.shape[0].dim == [1, 3, 20, 20]


def test_v0_tables_name_every_type_and_field():
    fields = {name for name in V0LayerParameter.DESCRIPTOR.fields_by_name if not name.startswith("new_")}
    copied_otherwise = {"name", "type", "blobs", "blobs_lr", "weight_decay", "hdf5_output_param"}
    assert fields - copied_otherwise == MOVES.keys() - {"new_height", "new_width"}
    for new_name, takers in MOVES.values():
        for old_type, taker in takers.items():
            assert old_type in V1_TYPES
            taken = V1LayerParameter.DESCRIPTOR.fields_by_name[taker].message_type
            assert new_name in taken.fields_by_name


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            'layers { layer { name: "x" type: "convolve" } }',
            "layer 'x': 'convolve' is no layer type of V0; it has accu",
        ),
        (
            'layers { layer { name: "p" type: "padding" pad: 1 } bottom: "d" top: "p" }'
            'layers { layer { name: "r" type: "relu" } bottom: "p" top: "r" }',
            r"layer 'r' \(relu\): reads the padding layer 'p'",
        ),
        ('layers { name: "a" type: RELU } layer { name: "b" }', "net.prototxt: has both 'layer' and 'layers'"),
        ('input: "a" input: "b" input_dim: 1 input_dim: 2 input_dim: 3 input_dim: 4', "has 2 inputs but 0 input_shape"),
        ('input: "a" input_dim: 1 input_dim: 2', "has 1 inputs but 0 input_shape and 2 input_dim"),
    ],
)
def test_nets_that_cannot_be_understood(text, sentence):
    with pytest.raises(FormatError, match=sentence):
        parse_net(text, "net.prototxt")


def test_v1_net():
    net = parse_net(V1)
    assert [layer.type for layer in net.layer] == ["Input", "Data", "WindowData", "InnerProduct", "SoftmaxWithLoss"]
    data, ip = net.layer[1], net.layer[3]
    assert (data.transform_param.crop_size, data.transform_param.mirror) == (5, True)
    assert not data.data_param.HasField("crop_size")
    assert [spec.name for spec in ip.param] == ["w", ""]
    assert [spec.lr_mult for spec in ip.param] == [1, 2]
    assert [spec.decay_mult for spec in ip.param] == [1, 1]
    assert [spec.share_mode for spec in ip.param] == [1, 0]
    assert list(net.layer[4].loss_weight) == [2]
    assert net.layer[4].exclude[0].stage == ["s"]


def test_every_v1_type_has_its_string():
    assert TYPES.keys() == set(V1LayerParameter.LayerType.keys())
    assert SOLVER_TYPES.keys() == set(SolverParameter.SolverType.keys())


def test_input_without_shapes_is_dropped():
    assert upgrade_net(parse('input: "data" layer { name: "a" }')) == parse('layer { name: "a" }')


def test_batch_norm_with_three_params_is_frozen():
    net = parse_net(
        'layer { type: "BatchNorm" param {} param { lr_mult: 1 } param {} } layer { type: "BatchNorm" param {} }'
    )
    assert [(spec.lr_mult, spec.decay_mult) for spec in net.layer[0].param] == [(0, 0)] * 3
    assert net.layer[1].param[0].lr_mult == 1


def test_a_new_net_and_the_given_net_stay_as_they_are():
    new = parse('name: "n" layer { name: "a" type: "ReLU" }')
    assert upgrade_net(new) == new
    old = parse(V0)
    assert upgrade_net(upgrade_net(old)) == upgrade_net(old)
    assert old == parse(V0)


def test_solver_type():
    for number, name in enumerate(SOLVER_TYPES.values()):
        upgraded = upgrade_solver(SolverParameter(solver_type=number))
        assert upgraded == SolverParameter(type=name)
    with pytest.raises(FormatError, match=r"s\.prototxt: has both solver_type"):
        upgrade_solver(SolverParameter(solver_type=0, type="SGD"), "s.prototxt")


@pytest.mark.caffe
@pytest.mark.parametrize("text", [V0, V1, 'layer { type: "BatchNorm" param {} param {} param {} }'])
def test_nets_as_real_caffes_own_tool_upgrades_them(real_caffe, tmp_path, text):
    (tmp_path / "old").write_text(text)
    real_caffe.run_tool("upgrade_net_proto_text", tmp_path / "old", tmp_path / "new")
    assert parse((tmp_path / "new").read_text()) == upgrade_net(parse(text))


@pytest.mark.caffe
def test_solver_as_real_caffes_own_tool_upgrades_it(real_caffe, tmp_path):
    (tmp_path / "old").write_text('net: "n" solver_type: ADADELTA snapshot_prefix: "x"')
    real_caffe.run_tool("upgrade_solver_proto_text", tmp_path / "old", tmp_path / "new")
    theirs = parse_message((tmp_path / "new").read_text(), SolverParameter)
    assert theirs == upgrade_solver(parse_message((tmp_path / "old").read_text(), SolverParameter))


@pytest.mark.caffe
@pytest.mark.data
def test_published_nets_as_real_caffes_own_tool_upgrades_them(real_caffe, data_folder, tmp_path):
    paths = sorted(data_folder.glob("models/*/*.prototxt"))
    assert paths
    for path in paths:
        real_caffe.run_tool("upgrade_net_proto_text", path, tmp_path / "new")
        assert parse((tmp_path / "new").read_text()) == read_net(path), path
