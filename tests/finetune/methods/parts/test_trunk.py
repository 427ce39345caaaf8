"""Which layers are what."""

import numpy as np
import pytest

from finetune.errors import ExperimentError
from finetune.methods.parts.trunk import find_trunk
from prototxt.formats.text import parse_net
from prototxt.templates import read_template
from tests.finetune.methods.small import NET


def test_a_small_net():
    trunk = find_trunk(NET, "fc8")
    assert trunk.convolutions == ("conv1", "conv2")
    assert trunk.hidden == ("fc6", "fc7")
    assert trunk.classifier == "fc8"
    assert trunk.shared == ("conv1", "conv2", "fc6", "fc7")


def test_companions_follow_their_layer():
    net = parse_net("""
        layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }
        layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
                convolution_param { num_output: 4 kernel_size: 3 bias_term: false } }
        layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "bn" }
        layer { name: "scale" type: "Scale" bottom: "bn" top: "bn" scale_param { bias_term: true } }
        layer { name: "slope" type: "PReLU" bottom: "bn" top: "bn" }
        layer { name: "pool" type: "Pooling" bottom: "bn" top: "pool" pooling_param { pool: AVE global_pooling: true } }
        layer { name: "late" type: "Scale" bottom: "pool" top: "late" }
        layer { name: "fc" type: "InnerProduct" bottom: "late" top: "fc" inner_product_param { num_output: 2 } }""")
    trunk = find_trunk(net, "fc")
    assert trunk.companions == {"conv": ("scale", "slope")}
    assert trunk.others == ("late",)
    assert trunk.shared == ("conv", "scale", "slope", "late")
    rate = np.array([1.0, 0, 0, 1])
    assert trunk.with_companions({"conv": rate}).keys() == {"conv", "scale", "slope"}


def test_a_net_whose_classifier_is_a_convolution():
    trunk = find_trunk(read_template("squeezenet"), "pool10")
    assert (trunk.classifier, trunk.hidden) == ("conv10", ())
    assert len(trunk.convolutions) == 25


def test_nothing_leads_to_the_scores():
    with pytest.raises(ExperimentError, match="no Convolution or InnerProduct layer leads to the class scores 'data'"):
        find_trunk(NET, "data")
