"""The table of a net, against printed ones and counts by hand."""

import pytest

from deepvis.netgraph.analyser import analyse
from tests.deepvis.netgraph.nets import alexnet, data, googlenet, layer, model_of, resnet

# The thesis's Figure 2.3: sizes on pictures of 227 pixels with MATLAB's way to write them; the fields are those that
# are well known of AlexNet (11, 19, 51, 67, 99, 131, 163, 195). With torchvision's rounding pool1 leaves the last row
# of conv1 out: row 54 begins at pixel 54 · 4 - 2 and sees 11, so nothing sees pixels 225 and 226.
ALEXNET = """
data   |Input       |227×227×3|                             |0       |1×1    |1 |
conv1  |Convolution |56×56×64 |Weights 11×11×3×64, Bias 64  |23296   |11×11  |4 |64 of 11×11, stride 4, pad 2
relu1  |ReLU        |56×56×64 |                             |0       |11×11  |4 |
pool1  |Pooling     |27×27×64 |                             |0       |19×19  |8 |max 3×3, stride 2
conv2  |Convolution |27×27×192|Weights 5×5×64×192, Bias 192 |307392  |51×51  |8 |192 of 5×5, pad 2
relu2  |ReLU        |27×27×192|                             |0       |51×51  |8 |
pool2  |Pooling     |13×13×192|                             |0       |67×67  |16|max 3×3, stride 2
conv3  |Convolution |13×13×384|Weights 3×3×192×384, Bias 384|663936  |99×99  |16|384 of 3×3, pad 1
relu3  |ReLU        |13×13×384|                             |0       |99×99  |16|
conv4  |Convolution |13×13×256|Weights 3×3×384×256, Bias 256|884992  |131×131|16|256 of 3×3, pad 1
relu4  |ReLU        |13×13×256|                             |0       |131×131|16|
conv5  |Convolution |13×13×256|Weights 3×3×256×256, Bias 256|590080  |163×163|16|256 of 3×3, pad 1
relu5  |ReLU        |13×13×256|                             |0       |163×163|16|
pool5  |Pooling     |6×6×256  |                             |0       |195×195|32|max 3×3, stride 2
flatten|Flatten     |9216     |                             |0       |225×225|  |
drop6  |Dropout     |9216     |                             |0       |225×225|  |50 %
fc6    |InnerProduct|4096     |Weights 4096×9216, Bias 4096 |37752832|225×225|  |4096 units
relu6  |ReLU        |4096     |                             |0       |225×225|  |
drop7  |Dropout     |4096     |                             |0       |225×225|  |50 %
fc7    |InnerProduct|4096     |Weights 4096×4096, Bias 4096 |16781312|225×225|  |4096 units
relu7  |ReLU        |4096     |                             |0       |225×225|  |
fc8    |InnerProduct|1000     |Weights 1000×4096, Bias 1000 |4097000 |225×225|  |1000 units
prob   |Softmax     |1000     |                             |0       |225×225|  |
"""


def test_alexnet_is_the_table_of_the_thesis():
    analysis = analyse(model_of(alexnet()))
    expected = [tuple(cell.strip() for cell in line.split("|")) for line in ALEXNET.strip().splitlines()]
    found = [
        (row.name, row.type, row.activations, row.learnables, str(row.count), row.field, row.stride, row.about)
        for row in analysis.rows
    ]
    for have, want in zip(found, expected, strict=True):
        assert have == want
    assert analysis.count == 61_100_840, "AlexNet of torchvision has so many"
    assert analysis.layers == 23
    assert analysis.rows[1].values == 56 * 56 * 64


def test_resnet_152_has_as_many_parameters_as_it_is_known_for():
    analysis = analyse(model_of(resnet(), 224))
    assert analysis.count == 60_192_808
    rows = {row.name: row for row in analysis.rows}
    assert rows["conv1.bn"].learnables == "Mean 64, Variance 64, Factor 1"
    assert rows["conv1.bn"].count == 0
    assert rows["conv1.scale"].learnables == "Scale 64, Bias 64"
    assert rows["res2.0.sum"].about == "sum of 2"
    assert rows["pool5"].about == "average of the whole map"


def test_an_inception_module_has_the_parameters_of_the_paper():
    rows = analyse(model_of(googlenet(), 224)).rows
    module = [row for row in rows if row.name.startswith("3a/")]
    biases = 64 + 96 + 128 + 16 + 32 + 32
    assert sum(row.count for row in module) == 163_328 + biases
    assert module[-1].about == "4 along axis 1"


def test_groups_signals_and_what_is_shared():
    shared = 'param { name: "w" } param { name: "b" }'
    text = (
        data(8)
        + 'layer { name: "one" type: "Convolution" bottom: "data" top: "one" '
        + shared
        + " convolution_param { num_output: 6 kernel_h: 1 kernel_w: 3 group: 3 dilation: 2 } }\n"
        + 'layer { name: "two" type: "Convolution" bottom: "data" top: "two" '
        + shared
        + " convolution_param { num_output: 6 kernel_h: 1 kernel_w: 3 group: 3 dilation: 2 } }\n"
        + layer(
            "up", "Deconvolution", "one", convolution_param="num_output: 4 kernel_size: 2 stride: 2 bias_term: false"
        )
        + layer("norm", "LRN", "up", lrn_param="local_size: 5 alpha: 0.0001 beta: 0.75")
        + 'layer { name: "cut" type: "Slice" bottom: "norm" top: "left" top: "right" slice_param { axis: 1 } }\n'
    )
    rows = {row.name: row for row in analyse(model_of(text, 8)).rows}
    assert rows["one"].learnables == "Weights 1×3×1×6, Bias 6"
    assert rows["one"].count == 24
    assert rows["one"].about == "6 of 1×3, dilation 2, 3 groups"
    assert rows["two"].learnables == "Weights 1×3×1×6 (of one), Bias 6 (of one)"
    assert rows["two"].count == 0
    assert rows["up"].learnables == "Weights 2×2×6×4"
    assert rows["norm"].about == "5, alpha 0.0001, beta 0.75"
    assert rows["cut"].activations == "16×8×2 (2 of them)"
    assert rows["cut"].values == 2 * 16 * 8 * 2


@pytest.mark.parametrize("kind", ["EuclideanLoss", "SigmoidCrossEntropyLoss"])
def test_a_single_number_is_one_value(kind):
    rows = analyse(model_of(data(4) + layer("loss", kind, "data data"), 4)).rows
    assert (rows[-1].activations, rows[-1].values) == ("1", 1)
