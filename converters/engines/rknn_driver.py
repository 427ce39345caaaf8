"""Compiles a net with Rockchip's rknn-toolkit2 and runs it in its simulator: ``python -I rknn_driver.py job.json``.

Runs in the environment that ``tools/install_rknn`` makes, which has no other package of this project. ``job.json`` has
prototxt, caffemodel, platform, channels (of every input), batch (of the net), inputs (.npz: ``RUN.INPUT`` for every run
and input in the net's order), runs, and outputs (.npz that is written: ``RUN.OUTPUT``).
"""

import json
import sys
from typing import Any

import numpy as np
from rknn.api import RKNN  # type: ignore[import-not-found]


def main() -> None:
    """Compile, run, write the outputs; whatever fails ends the process with a line on stderr."""
    with open(sys.argv[1]) as file:
        job = json.load(file)
    rknn = RKNN(verbose=False)
    rknn.config(
        target_platform=job["platform"],
        mean_values=[[0] * channels for channels in job["channels"]],
        std_values=[[1] * channels for channels in job["channels"]],
    )
    check("load_caffe", rknn.load_caffe(model=job["prototxt"], blobs=job["caffemodel"]))
    check("build", rknn.build(do_quantization=False))
    check("init_runtime", rknn.init_runtime())
    inputs = np.load(job["inputs"])
    outputs = {}
    for run in range(job["runs"]):
        arrays = [inputs[f"{run}.{place}"] for place in range(len(job["channels"]))]
        for place, output in enumerate(infer(rknn, arrays, job["batch"])):
            outputs[f"{run}.{place}"] = output
    named: Any = outputs
    np.savez(job["outputs"], **named)


def check(step: str, code: int) -> None:
    """End the process if a step did not succeed."""
    if code:
        sys.exit(f"rknn-toolkit2: {step} fails with code {code}")


def infer(rknn: Any, arrays: "list[np.ndarray]", batch: int) -> "list[np.ndarray]":
    """All outputs of arrays (N, C, H, W) or of fewer axes, ``batch`` pictures at a time."""
    parts = []
    for start in range(0, len(arrays[0]), batch):
        given = [array[start : start + batch] for array in arrays]
        given = [np.ascontiguousarray(a.transpose(0, 2, 3, 1)) if a.ndim == 4 else a for a in given]
        parts.append(rknn.inference(inputs=given, data_format=["nhwc" if a.ndim == 4 else "nchw" for a in given]))
    return [np.concatenate(outputs) for outputs in zip(*parts)]  # noqa: B905 - Python 3.8 has no strict


if __name__ == "__main__":
    main()
