"""A script prints the same in real pycaffe and in torchcaffe: pictures, messages, nets as Python, drawings."""

from __future__ import annotations

import json

import numpy as np
import pytest

PRELUDE = r"""
import json, warnings
import numpy as np
import skimage.io
import caffe
import caffe.io
from caffe import layers as L, params as P

warnings.simplefilter("ignore")
read = skimage.io.imread

def imread(name, as_grey=None, **more):  # as_grey is what pycaffe says, and scikit-image does not know any more
    return read(name, **(more if as_grey is None else {"as_gray": as_grey}))

skimage.io.imread = imread
found = {}

def put(name, array):
    found[name] = [str(array.dtype), list(array.shape), np.asarray(array, float).ravel().tolist()]
"""
PRINT = "\nprint(json.dumps(found))\n"
PICTURES = r"""
rows, columns = np.mgrid[:60, :48]
waves = [127 + 90 * np.sin(rows / 7 + c) * np.cos(columns / (3. + c)) for c in range(4)]
pixels = np.stack(waves, -1).astype(np.uint8)
for name, each in (("colour", pixels[..., :3]), ("grey", pixels[..., 0]), ("alpha", pixels),
                   ("deep", pixels[..., 0].astype(np.uint16) * 257 + 3)):
    skimage.io.imsave(name + ".png", each, check_contrast=False)
    for color in (True, False):
        put("%s %s" % (name, color), caffe.io.load_image(name + ".png", color))
image = caffe.io.load_image("colour.png")
random = np.random.RandomState(0)
for size in ((30, 24), (90, 70), (60, 48), (17, 100), (1, 1)):
    for channels in (1, 3, 5):
        for order in (1, 3):
            given = random.rand(60, 48, 5) if channels == 5 else image[..., :channels]
            put("%s %d %d" % (size, channels, order), caffe.io.resize_image(given, size, interp_order=order))
put("constant", caffe.io.resize_image(np.full((4, 4, 3), 3.), (5, 6)))
put("oversampled", caffe.io.oversample([image, image / 2], (33, 28)))
"""
TRANSFORMER = r"""
random = np.random.RandomState(1)
image = random.rand(50, 44, 3).astype(np.float32)
transformer = caffe.io.Transformer({"data": (1, 3, 40, 30)})
put("nothing set", transformer.preprocess("data", image))
transformer.set_transpose("data", (2, 0, 1))
transformer.set_channel_swap("data", (2, 0, 1))
transformer.set_raw_scale("data", 255)
transformer.set_input_scale("data", 0.017)
for name, mean in (("numbers", np.array([104., 117, 123])), ("picture", random.rand(3, 40, 30) * 255),
                   ("other size", random.rand(3, 50, 20) * 255)):
    transformer.set_mean("data", mean)
    put(name + " mean", transformer.mean["data"])
    made = transformer.preprocess("data", image)
    put(name, made)
    put(name + " and back", transformer.deprocess("data", made[np.newaxis]))
own_size = image[:40, :30].copy()
put("own size", transformer.preprocess("data", own_size))
put("own size after it", own_size)
"""
MESSAGES = r"""
random = np.random.RandomState(2)
for name, array in (("floats", random.rand(3, 4, 5)), ("bytes", (random.rand(3, 4, 5) * 255).astype(np.uint8))):
    for label in (None, 7):
        datum = caffe.io.array_to_datum(array, label)
        put("%s %s" % (name, label), np.frombuffer(datum.SerializeToString(), np.uint8))
        put("%s %s back" % (name, label), caffe.io.datum_to_array(datum))
blob = caffe.io.array_to_blobproto(random.rand(2, 3), random.rand(2, 3))
put("blob", np.frombuffer(blob.SerializeToString(), np.uint8))
put("data", caffe.io.blobproto_to_array(blob))
put("diff", caffe.io.blobproto_to_array(blob, return_diff=True))
vector = caffe.io.arraylist_to_blobprotovector_str([random.rand(2), random.rand(1, 2)])
put("vector", np.frombuffer(vector, np.uint8))
for index, array in enumerate(caffe.io.blobprotovector_str_to_arraylist(vector)):
    put("vector %d" % index, array)
old = caffe.io.caffe_pb2.BlobProto(num=1, channels=1, height=2, width=3, data=range(6))
put("old", caffe.io.blobproto_to_array(old))
"""
NETS = r"""
def net(name, message):
    put(name, np.frombuffer(message.SerializeToString(), np.uint8))

n = caffe.NetSpec()
n.data, n.label = L.Data(batch_size=3, backend=P.Data.LMDB, source="x", transform_param=dict(scale=1. / 255), ntop=2)
n.conv1 = L.Convolution(n.data, kernel_size=[5, 3], num_output=20, weight_filler=dict(type="xavier"),
                        param=[dict(lr_mult=1), dict(lr_mult=2, decay_mult=0)])
n.pool1 = L.Pooling(n.conv1, kernel_size=2, stride=2, pool=P.Pooling.AVE)
n["relu1"] = L.ReLU(n.pool1, in_place=True)
n.fc = L.InnerProduct(n.relu1, inner_product_param=dict(num_output=10, weight_filler=dict(type="gaussian", std=0.1)))
n.silence = L.Silence(n.label, ntop=0)
L.Silence(n.fc, ntop=0)
n.both = L.Concat(n.fc, L.ReLU(L.ReLU(n["fc"])), L.Power(n.data, scale=1e-7))
n.loss = L.SoftmaxWithLoss(n.fc, n.label, loss_weight=0.5, propagate_down=[True, False],
                           include=dict(phase=caffe.TRAIN))
net("named", n.to_proto())
a, b = L.DummyData(shape=[dict(dim=[2, 3]), dict(dim=[2])], ntop=2)
product = L.Eltwise(L.ReLU(a), L.TanH(L.ReLU(a)), operation=P.Eltwise.PROD)
net("two tops", caffe.to_proto(product, L.Power(b)))
net("one top", product.to_proto())
net("python", L.Python(L.Input(shape=dict(dim=[1, 2])), module="m", layer="l", param_str="s", ntop=2)[1].to_proto())

import caffe.coord_map as maps

def place(name, found):
    axis, scale, shift = found
    parts = (-1 if axis is None else axis, scale, shift)
    put(name, np.concatenate([np.atleast_1d(np.asarray(part, float)) for part in parts]))

n = caffe.NetSpec()
n.data = L.Input(shape=dict(dim=[1, 1, 90, 90]))
n.conv = L.Convolution(n.data, num_output=2, kernel_size=[3, 5], stride=[1, 2], pad=[0, 4], dilation=2)
n.relu = L.ReLU(n.conv)
n.pool = L.Pooling(n.relu, kernel_size=4, stride=4, pad=1)
n.up = L.Deconvolution(n.pool, num_output=2, kernel_size=8, stride=[4, 8], pad=1)
n.crop = L.Crop(n.up, n.data, axis=2, offset=[3, 1])
for name in ("conv", "relu", "pool", "up", "crop"):
    place(name, maps.coord_map_from_to(getattr(n, name), n.data))
    place(name + " of pool", maps.coord_map_from_to(n.pool, getattr(n, name)))
m = caffe.NetSpec()
m.data = L.Input(shape=dict(dim=[1, 1, 90, 90]))
m.conv = L.Convolution(m.data, num_output=2, kernel_size=3, pad=20)
m.pool = L.Pooling(m.conv, kernel_size=2, stride=2)
m.up = L.Deconvolution(m.pool, convolution_param=dict(num_output=2, kernel_size=4, stride=2))
m.cropped = maps.crop(m.up, m.data)
net("cropped", m.to_proto())
"""
CLASSIFIED = r'''
NET = """layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 4 dim: 3 dim: 20 dim: 20 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 5 kernel_size: 3 } }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { kernel_size: 4 stride: 3 } }
layer { name: "ip" type: "InnerProduct" bottom: "pool" top: "ip" inner_product_param { num_output: 6 } }
layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }"""
with open("net.prototxt", "w") as file:
    file.write(NET)
random = np.random.RandomState(3)
net = caffe.Net("net.prototxt", caffe.TEST)
for blobs in net.params.values():
    for blob in blobs:
        blob.data[...] = random.randn(*blob.data.shape) * 0.05
net.save("net.caffemodel")
pixels = (random.rand(9, 12, 3) * 255).astype(np.uint8).repeat(5, 0).repeat(4, 1)
skimage.io.imsave("blocks.png", pixels, check_contrast=False)
image = caffe.io.load_image("blocks.png")
options = dict(mean=np.array([104., 117, 123]), raw_scale=255, channel_swap=(2, 1, 0))
for name, more in (("plain", {}), ("prepared", dict(options, image_dims=(25, 23), input_scale=0.02))):
    classifier = caffe.Classifier("net.prototxt", "net.caffemodel", **more)
    put(name, classifier.predict([image, image / 3, image[::-1]]))
    put(name + ", centre", classifier.predict([image, image / 3], oversample=False))
detector = caffe.Detector("net.prototxt", "net.caffemodel", **options)
windows = [np.array(box) for box in ([2, 3, 40, 30], [0, 0, 45, 48], [30, 1, 44, 9])]
seen = detector.detect_windows([("blocks.png", windows), ("blocks.png", windows[:1])])
put("windows", np.stack([each["prediction"] for each in seen]))
clip = np.clip
# Pycaffe takes the floats that this gives for indices, which NumPy has given up.
np.clip = lambda *given, **more: clip(*given, **more).astype(float if more else int)
for padding in (1, 5):
    detector.configure_crop(padding)
    put("padding %d" % padding, np.float32([detector.crop(image, window) for window in windows]))
np.clip = clip
'''


@pytest.mark.caffe
@pytest.mark.parametrize("script", [PICTURES, TRANSFORMER, MESSAGES, NETS, CLASSIFIED])
def test_numbers_are_pycaffes(in_both, script):
    theirs, ours = (json.loads(text.splitlines()[-1]) for text in in_both(PRELUDE + script + PRINT))
    assert theirs.keys() == ours.keys()
    assert len(theirs) > 5
    for name, (dtype, shape, values) in theirs.items():
        assert ours[name][:2] == [dtype, shape], name
        np.testing.assert_allclose(ours[name][2], values, rtol=2e-6, atol=2e-6, err_msg=name)


DRAWINGS = r'''
import sys, types
sys.modules.setdefault("pydot", types.ModuleType("pydot"))  # which pycaffe's module cannot be imported without
import caffe.draw as draw
from google.protobuf import text_format

net = caffe.io.caffe_pb2.NetParameter()
text_format.Merge("""
layer { name: "data" type: "Data" top: "data" data_param { batch_size: 7 } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" param { lr_mult: 1 } param { lr_mult: 2 }
  convolution_param { num_output: 20 kernel_size: 5 pad: 2 stride: 3 } }
layer { name: "up" type: "Deconvolution" bottom: "conv" top: "up" param { lr_mult: 0 }
  convolution_param { num_output: 4 } }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool" pooling_param { pool: AVE kernel_size: 3 stride: 2 } }
layer { name: "ip" type: "InnerProduct" bottom: "pool" top: "ip" inner_product_param { num_output: 10 } }
layer { name: "relu" type: "ReLU" bottom: "ip" top: "ip" }
""", net)
for layer in net.layer:
    for way in ("LR", "TB"):
        for rates in (False, True):
            print(draw.get_layer_label(layer, way, rates))
    print(draw.get_edge_label(layer), draw.choose_color_by_layertype(layer.type))
    if layer.type in ("Convolution", "Deconvolution", "InnerProduct"):
        print(draw.get_layer_lr_mult(layer))
print(sorted(draw.get_pooling_types_dict().items()), draw.BLOB_STYLE, draw.NEURON_LAYER_STYLE)
'''


@pytest.mark.caffe
def test_drawings_say_what_pycaffes_say(in_both):
    theirs, ours = in_both("import caffe, caffe.io\n" + DRAWINGS)
    assert ours == theirs
    assert "kernel size: 5" in ours
