"""The tools write what real Caffe's own write: records byte for byte, means bit for bit, texts letter for letter."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from prototxt.formats.schema import Datum
from prototxt.formats.text import parse_net
from prototxt.formats.weights import write_weights
from tests.conftest import RealCaffe
from tests.prototxt.formats.test_upgrade import V0, V1
from tests.torchcaffe.commands.databases import Place, records
from torchcaffe.__main__ import main
from torchcaffe.network import Network

pytestmark = pytest.mark.caffe


@pytest.fixture
def place(tmp_path, monkeypatch) -> Place:
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path)


@pytest.fixture
def both(real_caffe: RealCaffe, place, capsys):
    """Call a tool of both, with ``OUT`` in the arguments a name of each; the two logs, without prefixes and times."""

    def call(tool: str, *arguments: str) -> tuple[list[str], list[str]]:
        capsys.readouterr()
        main([tool, *(word.replace("OUT", "ours") for word in arguments)])
        ours = capsys.readouterr().err
        theirs = real_caffe.run_tool(tool, *(word.replace("OUT", "theirs") for word in arguments), cwd=place.folder)
        return _messages(ours), _messages(theirs.stdout.replace("theirs", "ours"))

    return call


def _messages(log: str) -> list[str]:
    return [line.split("] ", 1)[1] for line in log.splitlines() if re.match(r"[IWEF]\d{4} ", line)]


@pytest.mark.parametrize(
    ("suffix", "flags"),
    [
        ("png", []),
        ("jpg", []),
        ("png", ["-gray"]),
        ("jpg", ["-gray"]),
        ("png", ["-resize_height=20", "-resize_width=33"]),
        ("jpg", ["-resize_height=5", "-resize_width=7", "-gray"]),
        ("png", ["-encoded"]),
        ("jpg", ["--encoded=true"]),
        ("jpg", ["-encode_type=jpeg"]),
        ("png", ["-check_size", "-resize_height=4"]),
        ("png", ["-backend", "leveldb"]),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value) or "plain",
)
def test_convert_imageset(place, both, suffix, flags):
    place.pictures(5, suffix, (16, 24))
    Path("pics/0.png").unlink(missing_ok=True) if flags == ["-gray"] else None
    ours, theirs = both("convert_imageset", *flags, "pics/", "list.txt", "OUT")
    backend = "leveldb" if "leveldb" in flags else "lmdb"
    assert records(Path("ours"), backend) == records(Path("theirs"), backend)
    kept = [line for line in theirs if not line.startswith(("Opened", "Could not"))]
    assert [line for line in ours if "left out" not in line and "could not be read" not in line] == kept


def test_pixels_encoded_anew_are_the_same_picture(place, both):
    """PNG is packed by other versions of libpng, so bytes differ; JPEG would be rounded otherwise."""
    place.pictures(2, "jpg", (9, 12))
    both("convert_imageset", "-encode_type=png", "pics/", "list.txt", "OUT")
    ours, theirs = ([Datum.FromString(value) for value in records(Path(name)).values()] for name in ("ours", "theirs"))
    import cv2

    for one, other in zip(ours, theirs, strict=True):
        pixels = [cv2.imdecode(np.frombuffer(datum.data, np.uint8), -1) for datum in (one, other)]
        np.testing.assert_array_equal(*pixels)
        one.data = other.data = b""
        assert one == other


@pytest.mark.parametrize("flags", [[], ["-encoded"], ["-gray", "-backend=leveldb"]])
def test_compute_image_mean(place, both, flags):
    place.pictures(11, "png", (7, 5))
    main(["convert_imageset", *flags, "pics/", "list.txt", "db"])
    ours, theirs = both("compute_image_mean", *[flag for flag in flags if "backend" in flag], "db", "OUT")
    assert Path("ours").read_bytes() == Path("theirs").read_bytes()
    assert [line for line in ours if "eration" not in line] == [
        line for line in theirs if not line.startswith(("Opened", "Starting", "Decoding"))
    ]


def test_mnist(place, both):
    place.mnist(np.random.default_rng(0).integers(0, 256, (1203, 5, 6), dtype=np.uint8), [i % 10 for i in range(1203)])
    ours, theirs = both("convert_mnist_data", "images", "labels", "OUT")
    assert records(Path("ours")) == records(Path("theirs"))
    assert ours == [line for line in theirs if not line.startswith("Opened")]


@pytest.mark.long
def test_cifar(place, both):
    place.cifar(10000)
    for name in ("ours", "theirs"):
        Path(name).mkdir()
    both("convert_cifar_data", ".", "OUT", "lmdb")
    for name in ("cifar10_train_lmdb", "cifar10_test_lmdb"):
        assert records(Path("ours", name)) == records(Path("theirs", name))


NET = """name: "features"
layer { name: "data" type: "Data" top: "data" top: "label"
  transform_param { scale: 0.01 mean_value: 100 } data_param { source: "db" batch_size: 3 backend: LMDB } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 3 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip"
  inner_product_param { num_output: 4 weight_filler { type: "xavier" } } }
layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }
layer { name: "drop" type: "Dropout" bottom: "label" top: "same" }
"""


@pytest.mark.parametrize("backend", ["lmdb", "leveldb"])
def test_extract_features(place, both, backend):
    place.pictures(5)
    main(["convert_imageset", "pics/", "list.txt", "db"])
    Path("net.prototxt").write_text(NET)
    network = Network(parse_net(NET), seed=1)
    write_weights("w.caffemodel", network.net, network.weights())
    blobs = ["data", "conv", "ip", "prob", "label"]
    names = ",".join(f"OUT_{blob}" for blob in blobs)
    ours, theirs = both("extract_features", "w.caffemodel", "net.prototxt", ",".join(blobs), names, "4", backend)
    for blob in blobs:
        one, other = (records(Path(f"{who}_{blob}"), backend) for who in ("ours", "theirs"))
        assert list(one) == list(other)
        for key in one:
            mine, his = Datum.FromString(one[key]), Datum.FromString(other[key])
            np.testing.assert_allclose(mine.float_data, his.float_data, atol=1e-5)
            del mine.float_data[:], his.float_data[:]
            assert mine == his
        if blob in ("data", "label"):
            assert one == other
    wanted = [line for line in theirs if "eatures" in line]
    assert [line for line in ours if "eatures" in line] == wanted


DEPLOY = """layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 10 dim: 3 dim: 16 dim: 16 } } }
""" + NET[NET.index('layer { name: "conv"') : NET.index('layer { name: "drop"')]


@pytest.fixture
def net(place) -> list[str]:
    """A deploy net, its weights and pictures; the flags that name them."""
    place.pictures(3, "jpg", (40, 30))
    Path("deploy.prototxt").write_text(DEPLOY)
    network = Network(parse_net(DEPLOY), seed=1)
    write_weights("w.caffemodel", network.net, network.weights())
    np.save("mean.npy", np.random.default_rng(0).uniform(90, 130, (3, 16, 16)))
    return ["--model_def=deploy.prototxt", "--pretrained_model=w.caffemodel", "--mean_file=mean.npy"]


LOAD = """
import runpy, sys, caffe, skimage.io
# Caffe's own load_image hands scikit-image an argument that the installed one has no more.
caffe.io.load_image = lambda name: skimage.img_as_float(skimage.io.imread(name)).astype("float32")
"""
RUN = "sys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name='__main__')"


@pytest.mark.parametrize("flags", [[], ["--center_only"], ["--input_scale=0.02", "--channel_swap=0,1,2"]])
def test_classify_is_caffes_script(place, net, real_caffe, flags):
    script = real_caffe.root / "root/usr/share/doc/python3-caffe/examples/classify.py"
    if not script.exists():
        pytest.skip(f"this installation of Caffe has no {script.name}")
    arguments = [*net, "--images_dim=24,20", *flags]
    for picture in range(3):
        main(["classify", f"pics/{picture}.jpg", f"ours{picture}.npy", *arguments])
    main(["classify", "pics", "ours.npy", *arguments])
    done = real_caffe.run_python(
        LOAD + RUN, script, "pics", "theirs.npy", *arguments, cwd=place.folder,
    )  # fmt: skip
    assert Path("theirs.npy").exists(), done.stdout
    ours, theirs = np.load("ours.npy"), np.load("theirs.npy")
    order = [int(np.abs(theirs - np.load(f"ours{picture}.npy")).sum(1).argmin()) for picture in range(3)]
    assert sorted(order) == [0, 1, 2]  # Caffe takes a folder in the order of the disk
    np.testing.assert_allclose(ours, theirs[order], atol=1e-4)


@pytest.mark.parametrize("picture", [0, 1])
def test_classification(place, net, real_caffe, picture, capsys):
    from prototxt.formats.blob import write_blob

    write_blob("mean.binaryproto", np.load("mean.npy").astype(np.float32))
    Path("labels.txt").write_text("a cat\nb dog\nc\nd\n")
    Path("deploy.prototxt").write_text(DEPLOY.replace("dim: 10 ", "dim: 1 "))
    arguments = ["deploy.prototxt", "w.caffemodel", "mean.binaryproto", "labels.txt", f"pics/{picture}.jpg"]
    main(["classification", *arguments])
    printed = capsys.readouterr().out
    assert printed.count("\n") == 5
    assert printed in real_caffe.run_tool("classification", *arguments, cwd=place.folder).stdout


DETECT = """
import numpy as np
mean = np.load("mean.npy").mean(1).mean(1)
detector = caffe.Detector("deploy.prototxt", "w.caffemodel", mean=mean, raw_scale=255.0, channel_swap=[2, 1, 0],
                          context_pad=0)  # with a context it trips over its own NumPy
windows = {"pics/0.jpg": [[0, 0, 30, 20], [5, 5, 25, 29]], "pics/1.jpg": [[10, 0, 40, 30]]}
found = detector.detect_windows([(name, np.array(boxes)) for name, boxes in windows.items()])
np.save("theirs.npy", [each["prediction"] for each in found])
"""


def test_detect_is_caffes_detector(place, net, real_caffe):
    rows = ["pics/0.jpg,0,0,30,20", "pics/0.jpg,5,5,25,29", "pics/1.jpg,10,0,40,30"]
    Path("windows.csv").write_text("\n".join(["filename,ymin,xmin,ymax,xmax", *rows]))
    main(["detect", "windows.csv", "ours.csv", *net, "--crop_mode=list", "--context_pad=0"])
    done = real_caffe.run_python(LOAD + DETECT, cwd=place.folder)
    assert Path("theirs.npy").exists(), done.stdout
    lines = Path("ours.csv").read_text().splitlines()
    assert lines[0] == "filename,ymin,xmin,ymax,xmax,class0,class1,class2,class3"
    assert [line.rsplit(",", 4)[0] for line in lines[1:]] == rows
    np.testing.assert_allclose(
        [[float(word) for word in line.split(",")[5:]] for line in lines[1:]], np.load("theirs.npy"), atol=1e-4
    )


SOLVER = 'net: "n" solver_type: RMSPROP base_lr: 1e-05 weight_decay: 0.1234567 stepvalue: 3 random_seed: 12345678901'
ODD = """name: "caf\\303\\251 'x' \\"y\\" \\\\ \\t\\001" input: "i" input_dim: 1 input_dim: 2 input_dim: 3 input_dim: 4
layers { name: "p" type: POWER top: "t" power_param { power: 0.333333333 scale: 1e+20 shift: -inf } blobs_lr: 16777217 }
layers { type: DUMMY_DATA top: "u" dummy_data_param { data_filler { value: 123456.7 std: nan min: 1e-37 max: 1e8 } } }
"""


@pytest.mark.parametrize("text", [V0, V1, ODD, 'layer { name: "new" type: "ReLU" }'], ids=["v0", "v1", "odd", "new"])
def test_upgrade_net_proto_text(place, both, text):
    Path("in").write_text(text)
    ours, theirs = both("upgrade_net_proto_text", "in", "OUT")
    assert Path("ours").read_text() == Path("theirs").read_text()
    assert ours[-1] == theirs[-1]
    assert ("File already in latest proto format: in" in ours) == ("File already in latest proto format: in" in theirs)


@pytest.mark.parametrize("text", [SOLVER, 'net: "n" type: "Adam" test_iter: 3'])
def test_upgrade_solver_proto_text(place, both, text):
    Path("in").write_text(text)
    ours, theirs = both("upgrade_solver_proto_text", "in", "OUT")
    assert Path("ours").read_text() == Path("theirs").read_text()
    assert ours[-1] == theirs[-1]


@pytest.mark.parametrize("text", [V0, V1], ids=["v0", "v1"])
def test_upgrade_net_proto_binary(place, both, text):
    from prototxt.formats.schema import NetParameter
    from prototxt.formats.text import parse_message

    old = parse_message(text, NetParameter)
    for layer in old.layers:
        inner = layer.layer if layer.HasField("layer") else layer
        inner.blobs.add(num=1, channels=1, height=2, width=3, data=range(6))
    Path("in").write_bytes(old.SerializeToString())
    ours, theirs = both("upgrade_net_proto_binary", "in", "OUT")
    assert Path("ours").read_bytes() == Path("theirs").read_bytes()
    assert ours[-1] == theirs[-1]
