"""Training, number for number, beside real Caffe: the same net, weights and data, without random layers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import cv2
import h5py
import lmdb
import numpy as np
import pytest

from prototxt.formats.schema import Datum
from prototxt.formats.solverstate import read_solverstate
from prototxt.formats.text import parse_net
from prototxt.formats.weights import read_weights, write_weights
from torchcaffe.__main__ import main
from torchcaffe.network import Network
from torchcaffe.run_state import run_state_path

pytestmark = pytest.mark.caffe

ITERATIONS = 20

LENET = """
name: "lenet"
layer { name: "data" type: "HDF5Data" top: "data" top: "label" include { phase: TRAIN }
  hdf5_data_param { source: "train.txt" batch_size: 12 } }
layer { name: "data" type: "HDF5Data" top: "data" top: "label" include { phase: TEST }
  hdf5_data_param { source: "train.txt" batch_size: 9 } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1" param { lr_mult: 1 } param { lr_mult: 2 }
  convolution_param { num_output: 8 kernel_size: 5 weight_filler { type: "xavier" } } }
layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1"
  pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "conv2" type: "Convolution" bottom: "pool1" top: "conv2" param { lr_mult: 0 decay_mult: 0 }
  param { lr_mult: 0 } convolution_param { num_output: 12 kernel_size: 5 weight_filler { type: "xavier" } } }
layer { name: "pool2" type: "Pooling" bottom: "conv2" top: "pool2"
  pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "ip1" type: "InnerProduct" bottom: "pool2" top: "ip1" param { lr_mult: 1 } param { lr_mult: 2 }
  inner_product_param { num_output: 40 weight_filler { type: "xavier" } } }
layer { name: "relu1" type: "ReLU" bottom: "ip1" top: "ip1" }
layer { name: "ip2" type: "InnerProduct" bottom: "ip1" top: "ip2" param { lr_mult: 1 } param { decay_mult: 0 }
  inner_product_param { num_output: 10 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip2" bottom: "label" top: "loss" }
layer { name: "accuracy" type: "Accuracy" bottom: "ip2" bottom: "label" top: "accuracy" include { phase: TEST } }
"""

ALEXNET = """
name: "small_alexnet"
layer { name: "data" type: "ImageData" top: "data" top: "label" include { phase: TRAIN }
  transform_param { crop_size: 56 mean_value: 104 mean_value: 117 mean_value: 123 scale: 0.02 }
  image_data_param { source: "images.txt" root_folder: "pictures/" batch_size: 8 new_height: 56 new_width: 56 } }
layer { name: "data" type: "ImageData" top: "data" top: "label" include { phase: TEST }
  transform_param { crop_size: 56 mean_file: "mean.binaryproto" scale: 0.02 }
  image_data_param { source: "images.txt" root_folder: "pictures/" batch_size: 5 new_height: 60 new_width: 64 } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1" param { lr_mult: 1 decay_mult: 1 }
  param { lr_mult: 2 decay_mult: 0 }
  convolution_param { num_output: 16 kernel_size: 7 stride: 2 weight_filler { type: "xavier" } } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "norm1" type: "LRN" bottom: "conv1" top: "norm1" lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 } }
layer { name: "pool1" type: "Pooling" bottom: "norm1" top: "pool1"
  pooling_param { pool: MAX kernel_size: 3 stride: 2 } }
layer { name: "conv2" type: "Convolution" bottom: "pool1" top: "conv2" param { lr_mult: 1 decay_mult: 1 }
  param { lr_mult: 2 decay_mult: 0 }
  convolution_param { num_output: 16 pad: 2 kernel_size: 5 group: 2 weight_filler { type: "xavier" }
  bias_filler { type: "constant" value: 0.1 } } }
layer { name: "relu2" type: "ReLU" bottom: "conv2" top: "conv2" }
layer { name: "pool2" type: "Pooling" bottom: "conv2" top: "pool2"
  pooling_param { pool: MAX kernel_size: 3 stride: 2 } }
layer { name: "conv3" type: "Convolution" bottom: "pool2" top: "conv3" param { lr_mult: 0 } param { lr_mult: 0 }
  convolution_param { num_output: 24 pad: 1 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "relu3" type: "ReLU" bottom: "conv3" top: "conv3" }
layer { name: "fc6" type: "InnerProduct" bottom: "conv3" top: "fc6" param { lr_mult: 1 decay_mult: 1 }
  param { lr_mult: 2 decay_mult: 0 } inner_product_param { num_output: 32 weight_filler { type: "xavier" } } }
layer { name: "relu6" type: "ReLU" bottom: "fc6" top: "fc6" }
layer { name: "fc8" type: "InnerProduct" bottom: "fc6" top: "fc8" param { lr_mult: 10 decay_mult: 1 }
  param { lr_mult: 20 decay_mult: 0 } inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc8" bottom: "label" top: "loss" }
layer { name: "accuracy" type: "Accuracy" bottom: "fc8" bottom: "label" top: "accuracy" include { phase: TEST } }
"""

RESIDUAL = """
name: "residual"
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TRAIN }
  transform_param { crop_size: 24 mean_value: 110 scale: 0.02 force_color: true }
  data_param { source: "crops" batch_size: 10 backend: LMDB } }
layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TEST }
  transform_param { crop_size: 20 mean_value: 104 mean_value: 117 mean_value: 123 scale: 0.02 force_color: true }
  data_param { source: "crops" batch_size: 7 backend: LMDB } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 8 pad: 1 kernel_size: 3 bias_term: false weight_filler { type: "msra" } } }
layer { name: "bn1" type: "BatchNorm" bottom: "conv1" top: "conv1" }
layer { name: "scale1" type: "Scale" bottom: "conv1" top: "conv1" scale_param { bias_term: true } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "conv2a" type: "Convolution" bottom: "conv1" top: "conv2a" param { name: "shared" }
  convolution_param { num_output: 8 pad: 1 kernel_size: 3 bias_term: false weight_filler { type: "msra" } } }
layer { name: "tanh2a" type: "TanH" bottom: "conv2a" top: "conv2a" }
layer { name: "conv2b" type: "Convolution" bottom: "conv2a" top: "conv2b" param { name: "shared" }
  convolution_param { num_output: 8 pad: 1 kernel_size: 3 bias_term: false weight_filler { type: "msra" } } }
layer { name: "sum" type: "Eltwise" bottom: "conv1" bottom: "conv2b" top: "sum"
  eltwise_param { coeff: 1 coeff: 0.5 } }
layer { name: "conv3" type: "Convolution" bottom: "sum" top: "conv3"
  convolution_param { num_output: 6 kernel_size: 3 stride: 2 weight_filler { type: "xavier" } } }
layer { name: "prelu3" type: "PReLU" bottom: "conv3" top: "conv3" }
layer { name: "down" type: "Pooling" bottom: "sum" top: "down" pooling_param { pool: AVE kernel_size: 3 stride: 2 } }
layer { name: "head3" type: "Pooling" bottom: "conv3" top: "head3" pooling_param { pool: MAX global_pooling: true } }
layer { name: "head2" type: "Pooling" bottom: "down" top: "head2" pooling_param { pool: AVE global_pooling: true } }
layer { name: "heads" type: "Concat" bottom: "head3" bottom: "head2" top: "heads" }
layer { name: "fc" type: "InnerProduct" bottom: "heads" top: "fc"
  inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
layer { name: "early" type: "InnerProduct" bottom: "head2" top: "early"
  inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }
layer { name: "a_loss" type: "SoftmaxWithLoss" bottom: "early" bottom: "label" top: "a_loss" loss_weight: 0.3 }
layer { name: "accuracy" type: "Accuracy" bottom: "fc" bottom: "label" top: "accuracy" include { phase: TEST } }
"""

RECURRENT = """
name: "recurrent"
layer { name: "data" type: "HDF5Data" top: "data" top: "cont" top: "label"
  hdf5_data_param { source: "sequences.txt" batch_size: 7 } }
layer { name: "lstm" type: "LSTM" bottom: "data" bottom: "cont" top: "lstm" param { lr_mult: 1 }
  param { lr_mult: 2 decay_mult: 0 } param { lr_mult: 0.5 } recurrent_param { num_output: 12
  weight_filler { type: "uniform" min: -0.3 max: 0.3 } bias_filler { type: "constant" value: 0.1 } } }
layer { name: "rnn" type: "RNN" bottom: "lstm" bottom: "cont" top: "rnn" param {} param {} param { lr_mult: 0 }
  recurrent_param { num_output: 8 weight_filler { type: "uniform" min: -0.4 max: 0.4 } } }
layer { name: "fc" type: "InnerProduct" bottom: "rnn" top: "fc"
  inner_product_param { axis: 2 num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" softmax_param { axis: 2 } }
layer { name: "accuracy" type: "Accuracy" bottom: "fc" bottom: "label" top: "accuracy" include { phase: TEST }
  accuracy_param { axis: 2 } }
"""

NETS = {"lenet": LENET, "alexnet": ALEXNET, "residual": RESIDUAL, "recurrent": RECURRENT}

SOLVER = """
net: "{net}.prototxt"
test_iter: 3
test_interval: 10
max_iter: {iterations}
display: 1
solver_mode: CPU
snapshot_prefix: "{prefix}"
{settings}
"""

SGD = "momentum: 0.9 weight_decay: 0.0005"
CASES = {
    "fixed": ("lenet", f'base_lr: 0.01 lr_policy: "fixed" {SGD}'),
    "step": ("alexnet", f'base_lr: 0.01 lr_policy: "step" gamma: 0.3 stepsize: 7 {SGD}'),
    "branches": ("residual", f'base_lr: 0.05 lr_policy: "fixed" {SGD} test_compute_loss: true'),
    "sequences": ("recurrent", f'base_lr: 0.3 lr_policy: "fixed" clip_gradients: 5 iter_size: 2 {SGD}'),
    "inv": ("lenet", f'base_lr: 0.02 lr_policy: "inv" gamma: 0.05 power: 0.75 average_loss: 4 {SGD}'),
    "exp": ("lenet", f'base_lr: 0.02 lr_policy: "exp" gamma: 0.9 {SGD}'),
    "multistep": ("lenet", f'base_lr: 0.02 lr_policy: "multistep" gamma: 0.5 stepvalue: 5 stepvalue: 12 {SGD}'),
    "poly": ("lenet", f'base_lr: 0.02 lr_policy: "poly" power: 1.5 {SGD}'),
    "sigmoid": ("lenet", f'base_lr: 0.02 lr_policy: "sigmoid" gamma: 0.4 stepsize: 4 {SGD}'),
    "l1": ("lenet", 'base_lr: 0.01 lr_policy: "fixed" regularization_type: "L1" weight_decay: 0.001'),
    "clip, iter_size": ("lenet", f'base_lr: 0.02 lr_policy: "fixed" clip_gradients: 1.5 iter_size: 2 {SGD}'),
    "Nesterov": ("lenet", f'type: "Nesterov" base_lr: 0.01 lr_policy: "fixed" {SGD}'),
    "AdaGrad": ("lenet", 'type: "AdaGrad" base_lr: 0.005 lr_policy: "fixed" weight_decay: 0.0005'),
    "RMSProp": ("lenet", 'type: "RMSProp" base_lr: 0.001 lr_policy: "fixed" rms_decay: 0.98 delta: 0.0001'),
    "AdaDelta": ("lenet", 'type: "AdaDelta" base_lr: 1 lr_policy: "fixed" momentum: 0.95 delta: 0.00001'),
    "Adam": ("lenet", 'type: "Adam" base_lr: 0.001 lr_policy: "fixed" momentum: 0.9 delta: 0.0001 weight_decay: 0.01'),
}


@dataclass
class Run:
    """What a training run left behind."""

    log: str
    folder: Path
    prefix: str

    def losses(self) -> list[float]:
        return _numbers(r"Iteration \d+(?: \(.*?\))?, loss = (\S+)", self.log)

    def rates(self) -> list[float]:
        return _numbers(r", lr = (\S+)", self.log)

    def scores(self) -> list[tuple[str, str, float]]:
        found = re.findall(r"(Train|Test) net output #(\d+): \w+ = (\S+)", self.log)
        return [(net, number, float(score)) for net, number, score in found]

    def model(self, iteration: int = ITERATIONS) -> Path:
        return self.folder / f"{self.prefix}_iter_{iteration}.caffemodel"

    def state(self, iteration: int = ITERATIONS) -> Path:
        return self.folder / f"{self.prefix}_iter_{iteration}.solverstate"


def _numbers(pattern: str, text: str) -> list[float]:
    return [float(number) for number in re.findall(pattern, text)]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory) -> Path:
    """A folder with both nets, their first weights, and data: HDF5 files and pictures of many sizes and formats."""
    folder = tmp_path_factory.mktemp("parity")
    random = np.random.default_rng(0)
    _write_rows(folder, random)
    _write_pictures(folder, random)
    _write_sequences(folder, random)
    _write_records(folder, random)
    for name, text in NETS.items():
        (folder / f"{name}.prototxt").write_text(text)
    return folder


def _write_rows(folder: Path, random: np.random.Generator) -> None:
    prototypes = random.normal(size=(10, 1, 28, 28))
    for index, count in enumerate((25, 18)):
        labels = random.integers(10, size=count)
        with h5py.File(folder / f"rows{index}.h5", "w") as file:
            file["data"] = (prototypes[labels] + 0.5 * random.normal(size=(count, 1, 28, 28))).astype(np.float32)
            file["label"] = labels.astype(np.float32)
    (folder / "train.txt").write_text("rows0.h5\nrows1.h5\n")


def _write_sequences(folder: Path, random: np.random.Generator) -> None:
    """Steps of four streams, which end and begin anywhere; the class of each is in what came one step before."""
    steps, streams = 53, 4
    classes = random.integers(3, size=(steps, streams))
    with h5py.File(folder / "sequences.h5", "w") as file:
        file["data"] = np.eye(3, dtype=np.float32)[classes]
        file["cont"] = (random.random((steps, streams)) > 0.1).astype(np.float32)
        file["label"] = np.roll(classes, 1, axis=0).astype(np.float32)
    (folder / "sequences.txt").write_text("sequences.h5\n")


def _write_pictures(folder: Path, random: np.random.Generator) -> None:
    from prototxt.formats.blob import write_blob

    (folder / "pictures").mkdir()
    lines = []
    for index in range(19):
        label = index % 5
        height, width = random.integers(50, 90, size=2)
        coarse = random.integers(0, 256, size=(4 + label, 6, 3), dtype=np.uint8)
        picture = cv2.resize(coarse, (int(width), int(height)), interpolation=cv2.INTER_CUBIC)
        name = f"picture {index}.{('png', 'jpg', 'bmp')[index % 3]}"
        cv2.imwrite(str(folder / "pictures" / name), picture)
        lines.append(f"{name} {label}\n")
    (folder / "images.txt").write_text("".join(lines))
    write_blob(folder / "mean.binaryproto", random.uniform(90, 130, size=(1, 3, 60, 64)).astype(np.float32))


def _write_records(folder: Path, random: np.random.Generator) -> None:
    """An LMDB with raw, PNG, and grey JPEG records, of 24×24 pixels as random crops are none then."""
    with lmdb.open(str(folder / "crops"), map_size=1 << 22) as environment, environment.begin(write=True) as write:
        for index in range(23):
            label = index % 5
            picture = cv2.resize(random.integers(0, 256, size=(3 + label, 4, 3), dtype=np.uint8), (24, 24))
            datum = Datum(channels=3, height=24, width=24, label=label)
            if index % 3:
                datum.encoded = True
                name, pixels = (".png", picture) if index % 3 == 1 else (".jpg", picture[..., 0])
                datum.data = cv2.imencode(name, pixels)[1].tobytes()
            else:
                datum.data = picture.transpose(2, 0, 1).tobytes()
            write.put(f"{index:08d}".encode(), datum.SerializeToString())


@pytest.fixture
def runner(workplace, monkeypatch, real_caffe, capfd):
    """Train in the workplace with real Caffe or torchcaffe."""
    monkeypatch.chdir(workplace)

    def first_weights(net: str) -> str:
        path = workplace / f"{net}_first.caffemodel"
        if not path.exists():
            network = Network(parse_net(NETS[net]), "TRAIN", seed=3)
            write_weights(path, network.net, network.weights())
        return str(path)

    def run(engine: str, net: str, settings: str, iterations: int = ITERATIONS, snapshot: Path | None = None) -> Run:
        prefix = f"{engine}_{net}"
        text = SOLVER.format(net=net, prefix=prefix, settings=settings, iterations=iterations)
        (workplace / "solver.prototxt").write_text(text)
        start = ["-snapshot", str(snapshot)] if snapshot else ["-weights", first_weights(net)]
        if engine == "caffe":
            finished = real_caffe.run("train", "-solver", "solver.prototxt", *start, cwd=workplace)
            assert finished.returncode == 0, finished.stdout[-3000:]
            return Run(finished.stdout, workplace, prefix)
        capfd.readouterr()
        main(["train", "--solver=solver.prototxt", *start])
        return Run(capfd.readouterr().err, workplace, prefix)

    return run


@pytest.mark.parametrize("case", CASES)
def test_twenty_iterations_agree(runner, case):
    net, settings = CASES[case]
    caffe, ours = runner("caffe", net, settings), runner("torchcaffe", net, settings)

    assert len(caffe.losses()) == ITERATIONS + 1
    np.testing.assert_allclose(ours.losses(), caffe.losses(), rtol=1e-4)
    assert caffe.losses()[-1] < 0.9 * caffe.losses()[0], "the net should learn, or the losses say little"
    np.testing.assert_allclose(ours.rates(), caffe.rates(), rtol=1e-5)
    assert [score[:2] for score in ours.scores()] == [score[:2] for score in caffe.scores()]
    np.testing.assert_allclose([s[2] for s in ours.scores()], [s[2] for s in caffe.scores()], rtol=2e-4, atol=1e-6)
    _assert_same_weights(ours, caffe)
    _assert_same_state(ours, caffe)


def _assert_same_weights(ours: Run, caffe: Run) -> None:
    mine, theirs = read_weights(ours.model()), read_weights(caffe.model())
    assert mine.keys() == theirs.keys()
    for layer, blobs in theirs.items():
        for blob, other in zip(blobs, mine[layer], strict=True):
            assert other.shape == blob.shape
            np.testing.assert_allclose(other, blob, rtol=1e-3, atol=2e-4 * np.abs(blob).max(), err_msg=layer)


def _assert_same_state(ours: Run, caffe: Run) -> None:
    mine, theirs = read_solverstate(ours.state()), read_solverstate(caffe.state())
    assert (mine.iter, mine.current_step) == (theirs.iter, theirs.current_step)
    assert len(mine.history) == len(theirs.history)
    for blob, other in zip(theirs.history, mine.history, strict=True):
        assert other.shape == blob.shape
        np.testing.assert_allclose(other, blob, rtol=1e-2, atol=2e-3 * np.abs(blob).max())


@pytest.mark.parametrize("writer", ["caffe", "torchcaffe"])
@pytest.mark.parametrize("snapshot_format", ["BINARYPROTO", "HDF5"])
@pytest.mark.parametrize("case", ["multistep", "Adam"])
def test_one_goes_on_from_the_others_snapshot(runner, case, snapshot_format, writer):
    reader = {"caffe": "torchcaffe", "torchcaffe": "caffe"}[writer]
    ending = ".h5" if snapshot_format == "HDF5" else ""
    net, settings = CASES[case]
    settings += f" snapshot: 7 snapshot_format: {snapshot_format}"
    whole = runner(writer, net, settings, iterations=14)
    state = whole.state(7).with_name(whole.state(7).name + ending)
    run_state_path(state).unlink(missing_ok=True)  # without it the data begin anew, as in Caffe
    went_on = runner(reader, net, settings, iterations=14, snapshot=state)
    again = runner(writer, net, settings, iterations=14, snapshot=state)

    assert len(went_on.losses()) == 8
    np.testing.assert_allclose(went_on.losses(), again.losses(), rtol=1e-4)
    mine, theirs = (read_weights(run.model(14).with_name(run.model(14).name + ending)) for run in (went_on, again))
    for layer, blobs in theirs.items():
        for blob, other in zip(blobs, mine[layer], strict=True):
            np.testing.assert_allclose(other, blob, rtol=1e-3, atol=2e-4 * np.abs(blob).max(), err_msg=layer)


def test_weights_score_the_same(runner, real_caffe, workplace, capfd):
    trained = runner("torchcaffe", "alexnet", CASES["fixed"][1], iterations=3)
    arguments = ["test", "-model", "alexnet.prototxt", "-weights", str(trained.model(3)), "-iterations", "4"]
    capfd.readouterr()
    main(arguments)
    ours = capfd.readouterr().err
    caffe = real_caffe.run(*arguments, cwd=workplace).stdout

    mine, theirs = _scores(ours), _scores(caffe)
    assert len(theirs) == 4 * 2 + 2
    assert [score[:2] for score in mine] == [score[:2] for score in theirs]
    np.testing.assert_allclose([score[2] for score in mine], [score[2] for score in theirs], rtol=1e-4)
    np.testing.assert_allclose(_numbers(r"Loss: (\S+)", ours), _numbers(r"Loss: (\S+)", caffe), rtol=1e-4)


def _scores(log: str) -> list[tuple[str, bool, float]]:
    """Name, whether a weighted loss stands behind it, and value of every score of ``test``."""
    found = re.findall(r"(?:Batch \d+, |\] )(\w+) = (\S+)( \(\* 1 = \2 loss\))?$", log, re.MULTILINE)
    return [(name, bool(weighted), float(score)) for name, score, weighted in found]
