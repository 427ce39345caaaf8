"""The tools of Caffe as commands, by themselves; `test_tools_caffe.py` holds them against real Caffe's."""

from __future__ import annotations

import csv
import gzip
import os
import re
import subprocess
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from prototxt.formats.schema import Datum, NetParameter
from prototxt.formats.text import parse_net, write_message
from prototxt.formats.weights import write_weights
from tests.torchcaffe.commands.databases import Place, records
from torchcaffe.__main__ import main
from torchcaffe.commands.table import COMMANDS
from torchcaffe.data import records as databases
from torchcaffe.data.database import Data
from torchcaffe.network import Network
from torchcaffe.serving import FOLDER

NET = """name: "features" force_backward: false
layer { name: "data" type: "Data" top: "data" top: "label"
  transform_param { scale: 0.01 } data_param { source: "db" batch_size: 2 backend: LMDB } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 3 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip"
  inner_product_param { num_output: 4 weight_filler { type: "xavier" } } }
layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }
"""
DEPLOY = 'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 6 dim: 6 } } }\n'


@pytest.fixture
def place(tmp_path, monkeypatch) -> Place:
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path)


@pytest.fixture
def fail(capsys, place):
    """Call a command, which ends with code 1 and a sentence and leaves nothing new; the sentence."""

    def call(*arguments: str) -> str:
        before = set(place.folder.rglob("*"))
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 1
        assert set(place.folder.rglob("*")) == before
        last = capsys.readouterr().err.splitlines()[-1]
        assert last.startswith("torchcaffe: error: ")
        return last

    return call


@pytest.mark.parametrize("backend", ["lmdb", "leveldb"])
def test_a_database_of_pictures_its_mean_and_a_net_that_reads_it(place, backend):
    place.pictures(7)
    main(["convert_imageset", f"-backend={backend}", "pics/", "list.txt", "db"])
    stored = records(Path("db"), backend)
    assert list(stored)[1] == b"00000001_1.png"
    picture = cv2.imread("pics/1.png")
    datum = Datum.FromString(stored[b"00000001_1.png"])
    assert (datum.channels, datum.height, datum.width, datum.label, datum.encoded) == (3, 6, 8, 1, False)
    assert datum.data == picture.transpose(2, 0, 1).tobytes()
    main(["compute_image_mean", "-backend", backend, "db", "mean.binaryproto"])
    text = f"""layer {{ name: "d" type: "Data" top: "data" top: "label"
      transform_param {{ mean_file: "mean.binaryproto" }}
      data_param {{ source: "db" batch_size: 7 backend: {backend.upper()} }} }}"""
    network = Network(parse_net(text))
    data = next(iter(network.run(keep=["data"]).values())).numpy()
    assert abs(data.mean(0)).max() < 1e-4
    assert isinstance(network.layers[0], Data)


def test_flags_of_convert_imageset(place, capsys):
    place.pictures(4)
    main(
        ["convert_imageset", "-gray", "-resize_width=5", "-resize_height=4", "-check_size", "pics/", "list.txt", "gray"]
    )
    assert {Datum.FromString(value).data.__len__() for value in records(Path("gray")).values()} == {20}
    main(["convert_imageset", "--encoded", "pics/", "list.txt", "files"])
    assert Datum.FromString(records(Path("files"))[b"00000002_2.png"]).data == Path("pics/2.png").read_bytes()
    main(["convert_imageset", "--encode_type=jpg", "--shuffle", "pics/", "list.txt", "jpg"])
    shuffled = [Datum.FromString(value) for value in records(Path("jpg")).values()]
    assert sorted(datum.label for datum in shuffled) == [0, 1, 2, 3]
    assert all(datum.encoded and datum.data[:2] == b"\xff\xd8" for datum in shuffled)
    assert "encode_type specified, assuming encoded=true." in capsys.readouterr().err


def test_a_picture_that_cannot_be_read_is_left_out_and_said(place, capsys):
    place.pictures(3)
    Path("pics/1.png").write_bytes(b"broken")
    main(["convert_imageset", "pics/", "list.txt", "db"])
    assert list(records(Path("db"))) == [b"00000000_0.png", b"00000002_2.png"]
    said = capsys.readouterr().err
    assert "list.txt:2: the image pics/1.png is not a picture that OpenCV can read" in said
    assert "1 of 3 pictures could not be read and are not in db" in said


def test_many_and_large_records_make_the_map_grow(place, monkeypatch):
    monkeypatch.setattr(databases, "_FIRST_SIZE", 2**16)
    with databases.new_database(Path("db"), "lmdb") as put:
        for number in range(2500):
            put(f"{number:08d}".encode(), bytes(300))
    assert len(records(Path("db"))) == 2500


def test_an_interrupted_database_leaves_nothing(place):
    with pytest.raises(KeyboardInterrupt), databases.new_database(Path("db"), "lmdb") as put:  # noqa: PT012
        put(b"a", b"b")
        raise KeyboardInterrupt
    assert list(place.folder.iterdir()) == []


def test_mnist_and_cifar(place):
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    place.mnist(images, [3, 1, 4, 1, 5])
    main(["convert_mnist_data", "images", "labels", "mnist"])
    datum = Datum.FromString(records(Path("mnist"))[b"00000002"])
    assert (datum.channels, datum.height, datum.width, datum.label) == (1, 4, 3, 4)
    assert datum.data == images[2].tobytes()
    place.cifar(3)
    main(["convert_cifar_data", ".", ".", "lmdb"])
    assert len(records(Path("cifar10_train_lmdb"))) == 15
    assert list(records(Path("cifar10_test_lmdb"))) == [b"00000", b"00001", b"00002"]


def test_features(place):
    place.pictures(4)
    main(["convert_imageset", "pics/", "list.txt", "db"])
    Path("net.prototxt").write_text(NET)
    network = Network(parse_net(NET), seed=1)
    write_weights("w.caffemodel", network.net, network.weights())
    main(["extract_features", "w.caffemodel", "net.prototxt", "conv,prob", "a,b", "3", "lmdb", "CPU"])
    conv, prob = (records(Path(name)) for name in "ab")
    assert list(conv) == [f"{number:010d}".encode() for number in range(6)]
    first = Datum.FromString(conv[b"0000000000"])
    assert (first.channels, first.height, first.width, len(first.float_data)) == (3, 4, 6, 72)
    last = Datum.FromString(prob[b"0000000005"])
    assert (last.channels, last.height, last.width) == (4, 1, 1)
    assert sum(last.float_data) == pytest.approx(1)
    assert prob[b"0000000000"] == prob[b"0000000004"]  # the data begin again


def test_upgrades(place, capsys):
    Path("old").write_text('layers { name: "a" type: INNER_PRODUCT blobs_lr: 2 top: "a\\303\\251" }')
    main(["upgrade_net_proto_text", "old", "new"])
    expected = 'layer {\n  name: "a"\n  type: "InnerProduct"\n  top: "a\\303\\251"\n  param {\n    lr_mult: 2\n  }\n}\n'
    assert Path("new").read_text() == expected
    main(["upgrade_net_proto_text", "new", "again"])
    assert Path("again").read_text() == expected
    assert "File already in latest proto format: new" in capsys.readouterr().err
    old = NetParameter(name="n")
    old.layers.add(name="a", type="INNER_PRODUCT").blobs.add(num=1, channels=1, height=1, width=2, data=[1, 2])
    Path("old.caffemodel").write_bytes(old.SerializeToString())
    main(["upgrade_net_proto_binary", "old.caffemodel", "new.caffemodel"])
    new = NetParameter.FromString(Path("new.caffemodel").read_bytes())
    assert (new.layer[0].type, list(new.layer[0].blobs[0].data)) == ("InnerProduct", [1, 2])
    Path("s").write_text('solver_type: ADAM base_lr: 0.001 net: "n"')
    main(["upgrade_solver_proto_text", "s", "t"])
    assert Path("t").read_text() == 'base_lr: 0.001\nnet: "n"\ntype: "Adam"\n'


def test_classify_and_detect(place):
    place.pictures(2)
    write_message("deploy.prototxt", parse_net(DEPLOY + NET[NET.index('layer { name: "conv"') :]))
    network = Network(parse_net(Path("deploy.prototxt").read_text()), seed=1)
    write_weights("w.caffemodel", network.net, network.weights())
    net = ["--model_def=deploy.prototxt", "--pretrained_model", "w.caffemodel"]
    np.save("mean.npy", np.ones((3, 6, 6)))
    main(["classify", "pics", "scores.npy", *net, "--ext=png", "--images_dim=8,8", "--mean_file=mean.npy"])
    scores = np.load("scores.npy")
    assert scores.shape == (2, 4)
    np.testing.assert_allclose(scores.sum(1), 1, rtol=1e-5)
    main(["classify", "pics/1.png", "one.npy", *net, "--center_only", "--images_dim=8,8", "--mean_file=mean.npy"])
    assert np.load("one.npy").shape == (1, 4)
    Path("windows.csv").write_text(
        "filename,ymin,xmin,ymax,xmax\npics/0.png,0,0,6,8\npics/0.png,1,1,5,6\npics/1.png,0,0,4,4\n"
    )
    for target in ("found.csv", "found.h5"):
        main(["detect", "windows.csv", target, *net, "--crop_mode=list", "--context_pad=1"])
    rows = list(csv.DictReader(Path("found.csv").read_text().splitlines()))
    assert list(rows[0]) == ["filename", "ymin", "xmin", "ymax", "xmax", "class0", "class1", "class2", "class3"]
    with h5py.File("found.h5") as file:
        np.testing.assert_allclose(file["prediction"], [[float(row[f"class{i}"]) for i in range(4)] for row in rows])
        assert file["window"][1].tolist() == [1, 1, 5, 6]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["classify", "pics/0.png", "o.npy", "--mean_file=seven.npy"],
            "Mean channels incompatible with input: 7 for 3",
        ),
        (["classify", "pics/0.png", "o.npy", "--mean_file=list.txt"], "list.txt: cannot be read as an .npy file"),
        (["classify", "gray.npy", "o.npy"], "input 0 has the shape (9, 9, 1); the net takes (height, width, 3)"),
        (["classify", "seven.npy", "o.npy"], "input 0 has the shape ()"),
        (["classify", "pics/0.png", "o.npy", "--channel_swap=0,1"], "Channel swap needs to have the same number"),
        (["classify", "pics/0.png", "o.npy", "--channel_swap=a"], "-channel_swap must be whole numbers"),
        (["classify", "broken.png", "o.npy"], "broken.png: is no picture that can be read"),
        (["classify", "gone.png", "o.npy"], "gone.png: is no picture that can be read (No such file or directory)"),
        (["classify", "pics", "o.npy", "--ext=gif"], "pics: has no picture called *.gif"),
        (
            ["classify", "pics/0.png", "o.npy", "--images_dim=4,5"],
            "-images_dim 4,5 is smaller than the net's input, 6x6",
        ),
        (["classify", "pics/0.png", "o.npy", "--images_dim=9"], "-images_dim must be HEIGHT,WIDTH"),
        (["detect", "windows.csv", "o.csv", "--crop_mode=list"], "gone.png"),
        (["detect", "list.txt", "o.csv", "--crop_mode=list"], "list.txt:2: must have the columns filename, ymin"),
        (["detect", "list.txt", "o.csv"], "detect_selective_search needs"),
        (["detect", "windows.csv", "o.csv", "--crop_mode=list", "--mean_file=seven.npy"], "7 for 3"),
    ],
)
def test_bad_pictures_and_pixels(fail, place, arguments, sentence):
    place.pictures(3)
    write_message("deploy.prototxt", parse_net(DEPLOY + NET[NET.index('layer { name: "conv"') :]))
    network = Network(parse_net(Path("deploy.prototxt").read_text()), seed=1)
    write_weights("w.caffemodel", network.net, network.weights())
    np.save("seven.npy", np.zeros(7))
    Path("broken.png").write_text("no")
    np.save("gray.npy", np.zeros((2, 9, 9, 1)))
    Path("windows.csv").write_text("filename,ymin,xmin,ymax,xmax\ngone.png,0,0,6,8\n")
    size = [] if any("images_dim" in word for word in arguments) or arguments[0] == "detect" else ["--images_dim=8,8"]
    assert sentence in fail(*arguments, "--model_def=deploy.prototxt", "--pretrained_model=w.caffemodel", *size)


def test_nets_that_cannot_be_drawn(fail, place):
    Path("net.prototxt").write_text(
        'layer { name: "a" type: "InnerProduct" param {} param {} param {} include {} exclude {} }'
    )
    assert "net.prototxt: cannot be drawn: Could not parse the learning" in fail(
        "draw_net", "net.prototxt", "a.dot", "--display_lrm"
    )
    assert "a has both include and exclude" in fail("draw_net", "net.prototxt", "a.dot", "--phase=TEST")


def test_draw(place):
    Path("net.prototxt").write_text(NET)
    main(["draw_net", "net.prototxt", "net.dot", "--rankdir=TB", "--phase=TRAIN", "--display_lrm"])
    assert "rankdir=TB" in Path("net.dot").read_text().replace('"', "")


def test_resize_and_crop(place):
    place.pictures(3)
    Path("names.txt").write_text("0.png 0\n1.png\n2.png 2\n")
    main(["resize_and_crop_images", "--input=names.txt", "--input_folder=pics", "--output_folder=out",
          "--output_side_length=4", "--num_clients=2"])  # fmt: skip
    made = cv2.imread("out/1.png")
    assert made.shape == (4, 4, 3)
    np.testing.assert_array_equal(made, cv2.resize(cv2.imread("pics/1.png"), (5, 4))[:, :4])


LOG = """Log file created at: 2017/12/31 23:59:58
I1231 23:59:58.000000  7 solver.cpp:279] Solving net
I1231 23:59:58.500000  7 solver.cpp:337] Iteration 0, Testing net (#0)
I1231 23:59:59.000000  7 solver.cpp:404]     Test net output #0: accuracy = 0.25
I1231 23:59:59.000000  7 solver.cpp:404]     Test net output #1: loss = 2.5 (* 1 = 2.5 loss)
I1231 23:59:59.500000  7 solver.cpp:228] Iteration 0, loss = 2.25
I1231 23:59:59.500000  7 solver.cpp:244]     Train net output #0: loss = 2.25 (* 1 = 2.25 loss)
I1231 23:59:59.600000  7 sgd_solver.cpp:106] Iteration 0, lr = 0.01
W0101 00:00:01.000000  7 solver.cpp:228] Iteration 100, loss = 1.5e-05
I0101 00:00:01.500000  7 solver.cpp:244]     Train net output #0: loss = 1.5e-05 (* 1 = 1.5e-05 loss)
I0101 00:00:02.000000  7 sgd_solver.cpp:106] Iteration 100, lr = 0.001
"""


def test_a_log_as_tables_and_charts(place):
    Path("my.log").write_text(LOG)
    main(["parse_log", "my.log", ".", "--verbose"])
    assert Path("my.log.train").read_text() == (
        "NumIters,Seconds,LearningRate,loss\n0.0,1.5,0.01,2.25\n100.0,3.5,0.01,1.5e-05\n"
    )
    assert Path("my.log.test").read_text() == "NumIters,Seconds,LearningRate,accuracy,loss\n0.0,1.0,nan,0.25,2.5\n"
    for chart in ("0", "3", "4", "7"):
        main(["plot_training_log", chart, f"{chart}.png", "my.log", "my.log"])
        assert cv2.imread(f"{chart}.png").std() > 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["convert_imageset", "pics/", "list.txt"], "usage: torchcaffe convert_imageset [FLAGS] ROOTFOLDER/ LISTFILE"),
        (["convert_imageset", "pics/", "gone.txt", "db"], "gone.txt: the image list cannot be read"),
        (["convert_imageset", "gone/", "list.txt", "db"], "list.txt: none of its 2 pictures could be read"),
        (["convert_imageset", "-backend=sqlite", "pics/", "list.txt", "db"], "-backend must be one of lmdb, leveldb"),
        (["convert_imageset", "-encode_type=xyz", "pics/", "list.txt", "db"], "OpenCV cannot encode pictures as 'xyz'"),
        (
            ["convert_imageset", "-check_size", "pics/", "odd.txt", "db"],
            "odd.txt:2: pics/odd.png has 75 bytes, the first",
        ),
        (["convert_imageset", "pics/", "list.txt", "pics"], "pics: is there already; remove it, or give another name"),
        (["compute_image_mean", "gone"], "gone: cannot be opened as an LMDB"),
        (["compute_image_mean", "-backend=leveldb", "gone"], "gone: is no LevelDB, which is a folder"),
        (["convert_mnist_data", "list.txt", "list.txt", "db"], "list.txt: is no MNIST file of this kind"),
        (["convert_mnist_data", "packed", "packed", "db"], "packed: is a gzip file; unpack it first"),
        (["convert_cifar_data", ".", ".", "lmdb"], "data_batch_1.bin: no such file"),
        (["convert_cifar_data", ".", ".", "csv"], "a database must be lmdb or leveldb; got 'csv'"),
        (["upgrade_net_proto_text", "list.txt", "new"], "list.txt:1: "),
        (["upgrade_net_proto_binary", "list.txt", "new"], "list.txt: "),
        (["extract_features", "w", "n", "a,b", "x", "1", "lmdb"], "there are 2 blobs and 1 databases"),
        (["extract_features", "w", "n", "a", "x", "many", "lmdb"], "the number of batches must be a whole number"),
        (["extract_features", "w", "n", "a", "x", "1", "lmdb", "TPU"], "the device must be CPU or GPU; got 'TPU'"),
        (["classify", "a", "b"], "classify needs a net's prototxt; give -model_def FILE"),
        (["detect", "a", "b.txt"], "b.txt: results are written as .csv or .h5"),
        (["parse_log", "list.txt", "."], "list.txt: has no line 'Train net output' or 'Test net output'"),
        (["plot_training_log", "9", "a.png", "list.txt"], "the chart must be one of 0: Test accuracy vs. Iters; "),
        (["resize_and_crop_images", "-input=list.txt"], "resize_and_crop_images needs a folder for the results"),
        (
            ["train_net", "solver.prototxt"],
            "train_net is deprecated, in Caffe too; use torchcaffe train -solver SOLVER",
        ),
        (["finetune_net"], "use torchcaffe train -solver SOLVER [-weights WEIGHTS]"),
        (["test_net", "a", "b"], "use torchcaffe test -model NET -weights WEIGHTS"),
        (["net_speed_benchmark"], "use torchcaffe time -model NET"),
    ],
)
def test_bad_arguments(fail, place, arguments, sentence):
    place.pictures(2)
    cv2.imwrite("pics/odd.png", np.zeros((5, 5, 3), np.uint8))
    Path("odd.txt").write_text("0.png 0\nodd.png 1\n")
    Path("packed").write_bytes(gzip.compress(b"0" * 50))
    assert sentence in fail(*arguments)


def test_without_plyvel_a_leveldb_is_refused(fail, monkeypatch):
    monkeypatch.setattr(databases, "import_module", lambda name: (_ for _ in ()).throw(ImportError(name)))
    assert "a LevelDB needs plyvel, which is not installed: pip install" in fail(
        "compute_image_mean", "-backend=leveldb", "db"
    )


def test_device_query_without_a_gpu(place, capsys, fail):
    main(["device_query"])
    assert "Querying GPUs" in capsys.readouterr().err
    assert re.search("there is no GPU 99|there is no GPU", fail("device_query", "-gpu=99"))


OLD_NAMES = [command.program for command in COMMANDS.values() if command.program]


@pytest.mark.parametrize("name", ["caffe", "convert_imageset", "draw_net.py", "train_net"])
def test_programs_under_their_old_names(place, name):
    """Found from elsewhere, through a link, and without torchcaffe on PATH."""
    program = FOLDER / "bin" / name
    assert os.access(program, os.X_OK)
    Path("link").symlink_to(program)
    environment = {**os.environ, "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [Path("link").absolute(), "-help"], capture_output=True, text=True, env=environment, check=False
    )
    if name == "train_net":
        assert "train_net is deprecated" in done.stderr
    else:
        assert (done.returncode, done.stdout[:11]) == (0, "torchcaffe:" if name == "caffe" else "torchcaffe "), done


def test_scripts_of_bin_name_their_commands():
    for command in COMMANDS.values():
        if command.program:
            assert re.search(rf"\b{command.name}\b", (FOLDER / "bin" / command.program).read_text())
            assert os.access(FOLDER / "bin" / command.program, os.X_OK)


def test_a_name_that_is_too_long_for_an_lmdb(fail, place):
    place.pictures(1)
    Path("list.txt").write_text(f"{'./' * 260}0.png 0\n")
    assert "of which an LMDB takes 511; shorten the file names" in fail("convert_imageset", "pics/", "list.txt", "db")
