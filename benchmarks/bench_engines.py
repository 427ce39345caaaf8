"""The reference nets in torchcaffe, beside real Caffe, PyTorch, ONNX Runtime and OpenVINO.

``python benchmarks/bench_engines.py [nets …] [--threads 1] [--rounds 7] [--batch 10]``

PyTorch's twin is what ``convert_caffe_to_pytorch`` writes of the same net: torch's own modules and functions, eager, in
channels-last memory. The twin of a forward and backward pass ends in ``cross_entropy``, Caffe's nets in
SoftmaxWithLoss; BatchNorm has fixed statistics in both. Engines take turns, so that other work on the machine falls on
all of them, and medians are compared: seconds of the processor, then of the clock. Real Caffe is left out where
``make caffe`` has not installed it, ONNX Runtime and OpenVINO where they are not installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from types import ModuleType

import numpy as np
import torch
from torch import Tensor, nn

from converters.back.onnx.model import to_onnx
from converters.back.pytorch.module import to_module
from converters.back.source_net import SourceNet, source_net
from prototxt.common.heap import keep_freed_memory
from prototxt.common.real_caffe import end_caffe, find_caffe, start_caffe
from prototxt.formats.schema import NetParameter
from prototxt.formats.text import to_text
from prototxt.formats.weights import Weights, write_weights
from prototxt.net.build import input_layer, layer
from prototxt.templates import read_template
from torchcaffe.network import Network

NETS = ("alexnet", "caffenet", "squeezenet", "googlenet", "resnet50")
Seconds = tuple[float, float]
"""Of the clock, and of the processor."""
Pass = Callable[[], Seconds]


@dataclass(frozen=True)
class Bench:
    """One net for all engines.

    Parameters
    ----------
    name : of the template.
    net : up to the class scores, with the batch in its Input layer.
    scores : the blob of the class scores.
    weights : random ones.
    images, labels : the inputs, (batch, 3, height, width) and (batch,).
    """

    name: str
    net: NetParameter
    scores: str
    weights: Weights
    images: np.ndarray
    labels: np.ndarray

    @property
    def source(self) -> SourceNet:
        """For the converters."""
        return source_net(self.net, self.weights)

    @property
    def with_loss(self) -> NetParameter:
        """The net with labels and a loss."""
        net = NetParameter()
        net.CopyFrom(self.net)
        net.layer.extend([input_layer("label", (len(self.labels),)), layer("SoftmaxWithLoss", "loss", self._loss_of)])
        return net

    @property
    def _loss_of(self) -> list[str]:
        return [self.scores, "label"]


def make_bench(name: str, batch: int) -> Bench:
    """A reference net without its softmax, with random weights."""
    net = read_template(name)
    net.layer[0].input_param.shape[0].dim[0] = batch
    if net.layer[-1].type == "Softmax":
        del net.layer[-1]
    network = Network(net, seed=0)
    noise = np.random.default_rng(0)
    shape = network.shapes.values[network.graph.inputs[0]]
    weights = network.weights()
    for made in net.layer:
        if made.type == "BatchNorm":
            mean, variance, _ = weights[made.name]
            weights[made.name] = [mean, np.ones_like(variance), np.ones(1, np.float32)]
    return Bench(
        name,
        net,
        network.graph.outputs[0].blob,
        weights,
        noise.standard_normal(shape).astype(np.float32),
        noise.integers(0, 1000, batch).astype(np.float32),
    )


def timed(work: Callable[[], object]) -> Pass:
    """Seconds that some work takes in this process."""

    def run() -> Seconds:
        clock, processor = perf_counter(), process_time()
        work()
        return perf_counter() - clock, process_time() - processor

    return run


# -- engines --------------------------------------------------------------------------------------------------------


def torchcaffe(bench: Bench, both: bool) -> Pass:
    """The engine of this project."""
    if not both:
        network = Network(bench.net, weights=bench.weights)

        def forward() -> None:
            with torch.inference_mode():
                network.run({"data": bench.images}, keep=[bench.scores], fold=True)

        return timed(forward)
    training = Network(bench.with_loss, weights=bench.weights)

    def forward_backward() -> None:
        values = training.run({"data": bench.images, "label": bench.labels}, fold=True)
        training.zero_grad()
        training.loss(values).backward()

    return timed(forward_backward)


def pytorch(bench: Bench, both: bool) -> Pass:
    """The same net as torch's own modules, eager, channels last."""
    written = to_module(bench.source, "Twin")
    module = ModuleType("twin")
    with tempfile.TemporaryDirectory() as folder:
        module.__file__ = str(Path(folder, "twin.py"))
        exec(compile(written.text(), module.__file__, "exec"), module.__dict__)
        twin: nn.Module = module.Twin().eval()
    twin.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in written.state.items()})
    twin = twin.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images, labels = torch.from_numpy(bench.images), torch.from_numpy(bench.labels).long()

    def forward() -> Tensor:
        result: Tensor = twin(images.contiguous(memory_format=torch.channels_last))
        return result

    def without_gradient() -> None:
        with torch.inference_mode():
            forward()

    def forward_backward() -> None:
        loss = nn.functional.cross_entropy(forward().flatten(1), labels)
        twin.zero_grad()
        loss.backward()

    return timed(forward_backward if both else without_gradient)


def onnx_runtime(bench: Bench, both: bool) -> Pass | None:
    """What ``convert_caffe_to_onnx`` writes, in ONNX Runtime; forward alone."""
    if both or importlib.util.find_spec("onnxruntime") is None:
        return None
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(to_onnx(bench.source).SerializeToString(), options)
    feed = {session.get_inputs()[0].name: bench.images}
    return timed(lambda: session.run(None, feed))


def openvino(bench: Bench, both: bool) -> Pass | None:
    """The same ONNX model in OpenVINO; forward alone."""
    if both or importlib.util.find_spec("openvino") is None:
        return None
    import io

    from openvino import Core

    core = Core()
    settings = {"INFERENCE_NUM_THREADS": torch.get_num_threads(), "INFERENCE_PRECISION_HINT": "f32"}
    model = core.read_model(io.BytesIO(to_onnx(bench.source).SerializeToString()))
    model.reshape(bench.images.shape)
    compiled = core.compile_model(model, "CPU", settings)
    return timed(lambda: compiled([bench.images]))


def real_caffe(bench: Bench, both: bool, folder: Path, open_until_end: ExitStack) -> Pass | None:
    """BVLC Caffe 1.0 in its own process."""
    python = find_caffe("caffe-python")
    if python is None:
        return None
    folder.mkdir()
    net = bench.with_loss if both else bench.net
    (folder / "net.prototxt").write_text(to_text(net))
    write_weights(folder / "net.caffemodel", net, bench.weights)
    threads = str(torch.get_num_threads())
    driver = Path(__file__).with_name("caffe_driver.py")
    process = start_caffe(
        [python, driver, folder],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        environment={"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads},
    )
    open_until_end.callback(end_caffe, process)

    def run() -> Seconds:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"both\n" if both else b"forward\n")
        process.stdin.flush()
        clock, processor = map(float, process.stdout.readline().split())
        return clock, processor

    return run


# -- comparing ------------------------------------------------------------------------------------------------------


def compare(bench: Bench, both: bool, rounds: int) -> dict[str, Seconds]:
    """Medians of every engine that is there."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        engines = {
            "torchcaffe": torchcaffe(bench, both),
            "real Caffe": real_caffe(bench, both, Path(folder, "caffe"), stack),
            "PyTorch": pytorch(bench, both),
            "ONNX Runtime": onnx_runtime(bench, both),
            "OpenVINO": openvino(bench, both),
        }
        present = {name: run for name, run in engines.items() if run is not None}
        for run in present.values():
            run()
        taken: dict[str, list[Seconds]] = {name: [] for name in present}
        for _ in range(rounds):
            for name, run in present.items():
                taken[name].append(run())
    return {
        name: (median(clock for clock, _ in times), median(processor for _, processor in times))
        for name, times in taken.items()
    }


def rows(nets: Sequence[str], batch: int, rounds: int) -> Iterator[str]:
    """Lines of a table, one for every net and pass."""
    head = ["net", "pass", "torchcaffe, ms", "of real Caffe", "of PyTorch", "of ONNX Runtime", "of OpenVINO"]
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for name in nets:
        bench = make_bench(name, batch)
        for both in (False, True):
            found = compare(bench, both, rounds)
            clock, processor = found["torchcaffe"]
            cells = [name, "forward + backward" if both else "forward", f"{processor * 1e3:.0f} / {clock * 1e3:.0f}"]
            for other in ("real Caffe", "PyTorch", "ONNX Runtime", "OpenVINO"):
                there = other in found
                cells.append(f"{processor / found[other][1]:.2f} / {clock / found[other][0]:.2f}" if there else "–")
            yield f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("nets", nargs="*", default=NETS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch", type=int, default=10)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    keep_freed_memory()
    print(
        f"{os.cpu_count()} cores, {arguments.threads} thread(s), batch {arguments.batch}, medians of "
        f"{arguments.rounds} rounds, processor / clock; torch {torch.__version__}, Python {sys.version.split()[0]}\n"
    )
    for row in rows(arguments.nets, arguments.batch, arguments.rounds):
        print(row, flush=True)


if __name__ == "__main__":
    main()
