"""A vendor's compiler as a judge: Rockchip's rknn-toolkit2, which loads, builds and simulates the net."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from converters.engines.engine import Engine, Feed, Job, NotSupportedError, Top, by_name
from converters.engines.registry import engine
from converters.errors import ConversionError
from converters.subnets import up_to
from prototxt.formats.text import read_net, write_message
from prototxt.net.graph import NetGraph

DRIVER = Path(__file__).with_name("rknn_driver.py")
PLATFORM = "rk3588"
COLOURS = re.compile(r"\x1b\[[\d;]*m")
LEFT_OUT = re.compile(r"OP in Layer (\S+) Current not support")  # said, and then compiled without the layer
VERSION = "from importlib.metadata import version; print(version('rknn-toolkit2'))"


@engine("rknn")
class Rknn(Engine):
    """``rknn-toolkit2`` in an environment of its own, which ``tools/install_rknn`` makes; it gives the outputs alone.

    The simulator computes in half precision, as the chip does.
    """

    bar = 1e-2

    def version(self) -> str:
        """Version of the toolkit, and the chip that is simulated."""
        return f"rknn-toolkit2 {_run(['-c', VERSION]).strip()}, simulated {PLATFORM}"

    def run(self, jobs: Sequence[Job]) -> Iterator[dict[Top, np.ndarray]]:
        """See `Engine.run`."""
        for job in jobs:
            if job.caffemodel.suffix == ".h5":
                raise NotSupportedError("rknn-toolkit2 reads no weights from HDF5")
            graph = NetGraph(up_to(read_net(job.prototxt), job.wanted))
            tops = [_top(graph, index) for index in range(len(graph.outputs))]
            with tempfile.TemporaryDirectory(prefix="rknn-") as folder:
                outputs = _simulate(job, graph, Path(folder))
                for run in range(len(job.inputs)):
                    arrays = [outputs[f"{run}.{index}"] for index in range(len(tops))]
                    yield {top: array for top, array in zip(tops, arrays, strict=True) if top in job.wanted}


def _top(graph: NetGraph, index: int) -> Top:
    value = graph.outputs[index]
    maker = graph.producer(value)
    return maker.name, maker.tops.index(value)


def _simulate(job: Job, graph: NetGraph, folder: Path) -> dict[str, np.ndarray]:
    """Outputs by run and place."""
    write_message(folder / "net.prototxt", graph.net)
    names = [value.blob for value in graph.inputs]
    shapes = [list(node.layer.input_param.shape[0].dim) for node in graph.layers if node.type == "Input"]
    np.savez(folder / "inputs.npz", **_arrays(job.inputs, names))  # type: ignore[arg-type]
    request = {
        "prototxt": str(folder / "net.prototxt"),
        "caffemodel": str(job.caffemodel),
        "platform": PLATFORM,
        "channels": [shape[1] if len(shape) > 1 else 1 for shape in shapes],
        "batch": shapes[0][0],
        "inputs": str(folder / "inputs.npz"),
        "runs": len(job.inputs),
        "outputs": str(folder / "outputs.npz"),
    }
    (folder / "job.json").write_text(json.dumps(request))
    printed = _run([DRIVER, folder / "job.json"], cwd=folder)
    lost = [name for name in LEFT_OUT.findall(printed) if graph.node(name).type != "Silence"]
    if lost:
        layers = ", ".join(f"{name} ({graph.node(name).type})" for name in lost)
        raise ConversionError(f"rknn-toolkit2 leaves layers out that it does not know: {layers}; see --target rknn")
    with np.load(folder / "outputs.npz") as outputs:
        return dict(outputs)


def _arrays(feeds: Sequence[Feed], names: Sequence[str]) -> dict[str, np.ndarray]:
    found = [by_name(feed, names) for feed in feeds]
    return {f"{run}.{place}": feed[name] for run, feed in enumerate(found) for place, name in enumerate(names)}


def _run(arguments: Sequence[str | Path], cwd: Path | None = None) -> str:
    """Run the Python that has the toolkit and give what it prints, on both ways.

    Raises
    ------
    ConversionError : if it is not installed, or refuses the net; the sentence has its last line of error.
    """
    root = Path(os.environ.get("RKNN_ROOT") or Path.home() / ".cache/deepvis/rknn")
    python = root / "bin/python"
    if not python.exists():
        raise ConversionError(
            f"rknn-toolkit2 is not there: no {python}; run tools/install_rknn, set RKNN_ROOT to its environment, or "
            "leave 'rknn' out of --verify"
        )
    command = [python, "-I", *arguments]  # isolated: this folder has an rknn.py too
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    printed = COLOURS.sub("", done.stdout + done.stderr)
    if done.returncode:
        lines = printed.splitlines()
        errors = [line for line in lines if line.startswith(("E ", "rknn-toolkit2:"))]
        said = ["without a word", *lines, *errors][-1]
        raise ConversionError(f"rknn-toolkit2 does not take the net: {said.removeprefix('E ').strip()}")
    return printed
