"""Nets as drawings."""

from __future__ import annotations

import re
import subprocess
import sys
import types

import pytest

from prototxt.common.errors import InputError
from prototxt.formats.schema import NetParameter
from prototxt.formats.text import parse_message, parse_net
from torchcaffe.mode import TEST, TRAIN
from torchcaffe.pycaffe import draw

NET = """
name: "a net"
layer { name: "data" type: "Data" top: "data" top: "label" data_param { batch_size: 7 } include { phase: TRAIN } }
layer { name: "in" type: "Input" top: "data" include { phase: TEST } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 20 kernel_h: 3 kernel_w: 5 stride: 2 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "conv" bottom: "label" top: "loss" exclude { phase: TEST } }
"""


def test_graphviz_text():
    text = draw.get_dot(parse_net(NET), "LR")
    assert text.startswith('digraph "a net" {\nrankdir=LR;\n')
    assert r'"conv_Convolution" [label="conv\n(Convolution)\nkernel size: 3x5\nstride: 2\npad: 0", ' in text
    assert '"conv_Convolution" -> "conv_blob" [label="20"];' in text
    assert '"data_Data" -> "label_blob" [label="Batch 7"];' in text
    assert text.count('"conv_blob" [label="conv"') == 1
    assert '"relu_ReLU" [label="relu\\n(ReLU)", shape="record", fillcolor="#90EE90"' in text
    assert "label=" not in draw.get_dot(parse_net(NET), "LR", label_edges=False).split("->", 1)[1]


@pytest.mark.parametrize(("phase", "layers"), [(TRAIN, "data conv relu loss"), (TEST, "in conv relu")])
def test_the_layers_of_a_phase(phase, layers):
    text = draw.draw_net(parse_net(NET), "TB", "dot", phase=phase).decode()
    assert re.findall(r'"(\w+)_(?!blob)\w+" \[label', text) == layers.split()


def test_an_old_net():
    text = 'layers { name: "r" type: RELU bottom: "x" top: "y" } input: "x" input_shape { dim: 1 }'
    assert '"r_ReLU"' in draw.get_dot(parse_message(text, NetParameter), "LR")


def test_files(tmp_path, monkeypatch):
    draw.draw_net_to_file(parse_net(NET), tmp_path / "net.gv", "BT")
    assert (tmp_path / "net.gv").read_text() == draw.get_dot(parse_net(NET), "BT")
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(InputError, match=r"\.png needs the program dot of Graphviz"):
        draw.draw_net_to_file(parse_net(NET), str(tmp_path / "net.png"))
    assert not (tmp_path / "net.png").exists()


def test_graphviz_draws_and_refuses(monkeypatch):
    calls = []

    def run(command, input, **options):
        calls.append(command)
        failed = command[1] == "-Txyz"
        return subprocess.CompletedProcess(command, int(failed), input[:7], b"Format: xyz not recognized\n")

    monkeypatch.setattr("shutil.which", lambda name: "/bin/dot")
    monkeypatch.setattr("subprocess.run", run)
    assert draw.draw_net(parse_net(NET), "LR") == b"digraph"
    with pytest.raises(InputError, match=r"dot cannot draw a \.xyz: Format: xyz not recognized"):
        draw.draw_net(parse_net(NET), "LR", "xyz")
    assert calls == [["/bin/dot", "-Tpng"], ["/bin/dot", "-Txyz"]]


def test_pydot_is_asked_for_only_where_it_is_needed(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydot", None)
    with pytest.raises(InputError, match="pip install pydot; get_dot"):
        draw.get_pydot_graph(parse_net(NET), "LR")
    fake = types.SimpleNamespace(graph_from_dot_data=lambda text: [text])
    monkeypatch.setitem(sys.modules, "pydot", fake)
    assert draw.get_pydot_graph(parse_net(NET), "LR") == draw.get_dot(parse_net(NET), "LR")


def test_both_rules_at_once_are_refused():
    net = parse_net('layer { name: "a" type: "Input" include { phase: TEST } exclude { phase: TRAIN } }')
    with pytest.raises(ValueError, match="layer a has both include and exclude"):
        draw.draw_net(net, "LR", "dot", phase=TEST)
    draw.draw_net(net, "LR", "dot")
