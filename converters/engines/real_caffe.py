"""The reference: a real BVLC Caffe, in a process of its own, since it lives in a Python of its own."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from converters.engines.engine import Engine, Job, Top, by_name
from converters.engines.registry import engine
from converters.errors import ConversionError
from prototxt.common.errors import CaffeError
from prototxt.common.real_caffe import CaffeExitError, need_caffe, run_caffe

DRIVER = Path(__file__).with_name("caffe_driver.py")
OTHERWISE = "set CAFFE_ROOT to where it is; without it leave 'caffe' out of --verify"


@engine("caffe")
class RealCaffe(Engine):
    """``caffe-python`` of ``$CAFFE_ROOT`` (by default ``~/.cache/deepvis/caffe``) with `caffe_driver`."""

    bar = 1e-4

    def version(self) -> str:
        """Version as pycaffe reports it."""
        return f"BVLC Caffe {run_python(['-c', 'import caffe; print(caffe.__version__)']).strip()}"

    def run(self, jobs: Sequence[Job]) -> Iterator[dict[Top, np.ndarray]]:
        """See `Engine.run`."""
        with tempfile.TemporaryDirectory(prefix="caffe-") as folder:
            requests = [_request(job, Path(folder) / str(number)) for number, job in enumerate(jobs)]
            (Path(folder) / "jobs.json").write_text(json.dumps(requests))
            run_python([DRIVER, Path(folder) / "jobs.json"])
            for job, request in zip(jobs, requests, strict=True):
                for number in range(len(job.inputs)):
                    with np.load(f"{request['outputs']}.{number}.npz") as arrays:
                        yield {top: arrays[f"{index}"] for index, top in enumerate(job.wanted)}


def _request(job: Job, place: Path) -> dict[str, object]:
    feeds = [by_name(feed, [""]) for feed in job.inputs]
    arrays: Any = {f"{run}/{name}": array for run, feed in enumerate(feeds) for name, array in feed.items()}
    np.savez(f"{place}.inputs.npz", **arrays)
    return {
        "prototxt": str(job.prototxt),
        "caffemodel": str(job.caffemodel),
        "inputs": f"{place}.inputs.npz",
        "feeds": [{name: f"{run}/{name}" for name in feed} for run, feed in enumerate(feeds)],
        "outputs": str(place),
        "wanted": [list(top) for top in job.wanted],
    }


def run_python(arguments: Sequence[str | Path]) -> str:
    """Run the Python that has pycaffe and give what it prints."""
    try:
        return run_caffe([need_caffe("caffe-python", OTHERWISE), *arguments])
    except CaffeExitError as error:
        raise ConversionError(f"real Caffe does not run the net: {error}") from error
    except CaffeError as error:
        raise ConversionError(str(error)) from error
